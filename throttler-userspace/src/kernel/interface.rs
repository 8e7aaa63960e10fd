//! What runs on an interface, asked over rtnetlink (sysfs shows another namespace's interfaces).

use anyhow::{Context as _, Result, bail};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, LinkXdp, XdpAttached};
use netlink_sys::protocols::NETLINK_ROUTE;

use super::{netlink, sys, topology};
use crate::cli::failure::{Failure, Status};

/// Where an XDP program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver, before a packet buffer exists.
    Native,
    /// Behind the driver, on packet buffers: works everywhere, saves less.
    Generic,
}

impl XdpMode {
    /// The name that flags, JSON and tables use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Generic => "generic",
        }
    }
}

/// An interface and the XDP program on it.
#[derive(Clone, Debug)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// Index in this network namespace.
    pub index: u32,
    /// Whether its frames begin with an Ethernet header.
    pub is_ethernet: bool,
    /// Mode and program identifier.
    pub xdp: Option<(XdpMode, u32)>,
}

/// Looks an interface up.
///
/// # Errors
/// No such interface (naming those there are), or rtnetlink's error.
pub fn find(name: &str) -> Result<Interface> {
    let Some(index) = sys::interface_index(name) else {
        let names = names().unwrap_or_default().join(", ");
        return Err(Failure::new(
            Status::Runtime,
            format!("there is no interface `{name}` in this network namespace; there is {names}"),
        )
        .into());
    };
    let mut request = LinkMessage::default();
    request.header.index = index;
    let replies = ask(request, NLM_F_REQUEST).with_context(|| format!("asking about {name}"))?;
    let Some(link) = replies.into_iter().next() else {
        bail!("rtnetlink did not answer for {name}");
    };
    Ok(Interface {
        name: name.to_owned(),
        index,
        is_ethernet: topology::has_ethernet(&link),
        xdp: xdp(&link),
    })
}

fn names() -> Result<Vec<String>> {
    let replies = ask(LinkMessage::default(), NLM_F_REQUEST | NLM_F_DUMP)?;
    let name = |link: &LinkMessage| {
        link.attributes
            .iter()
            .find_map(|attribute| match attribute {
                LinkAttribute::IfName(name) => Some(name.clone()),
                _ => None,
            })
    };
    Ok(replies.iter().filter_map(name).collect())
}

fn xdp(link: &LinkMessage) -> Option<(XdpMode, u32)> {
    let attributes = link
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::Xdp(attributes) => Some(attributes),
            _ => None,
        })?;
    let mut mode = None;
    let mut program = None;
    for attribute in attributes {
        match attribute {
            LinkXdp::Attached(XdpAttached::SocketBuffer) => mode = Some(XdpMode::Generic),
            LinkXdp::Attached(XdpAttached::None) => return None,
            LinkXdp::Attached(_) => mode = Some(XdpMode::Native),
            LinkXdp::ProgId(id) => program = Some(*id),
            // Several programs (generic and native at once): name one of them.
            LinkXdp::DrvProgId(id) => program = program.or(Some(*id)),
            _ => {}
        }
    }
    Some((mode?, program.unwrap_or(0)))
}

/// Links as the kernel describes them.
pub(super) fn ask(request: LinkMessage, flags: u16) -> Result<Vec<LinkMessage>> {
    let request = RouteNetlinkMessage::GetLink(request);
    let replies = netlink::ask(NETLINK_ROUTE, request, flags)?;
    let links = replies.into_iter().filter_map(|reply| match reply {
        RouteNetlinkMessage::NewLink(link) => Some(link),
        _ => None,
    });
    Ok(links.collect())
}
