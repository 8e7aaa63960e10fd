//! What runs on an interface, asked over rtnetlink (sysfs shows another namespace's interfaces).

use anyhow::{Context as _, Result, bail};
use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage, LinkXdp, XdpAttached};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

use super::sys;
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

fn ask(request: LinkMessage, flags: u16) -> Result<Vec<LinkMessage>> {
    let mut socket = Socket::new(NETLINK_ROUTE).context("opening a netlink socket")?;
    socket.bind_auto()?;
    socket.connect(&SocketAddr::new(0, 0))?;
    let mut header = NetlinkHeader::default();
    header.flags = flags;
    let payload = NetlinkPayload::from(RouteNetlinkMessage::GetLink(request));
    let mut message = NetlinkMessage::new(header, payload);
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0)?;

    let mut replies = Vec::new();
    loop {
        let (bytes, _) = socket.recv_from_full()?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest)?;
            let length = message.header.length as usize;
            match message.payload {
                NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link)) => {
                    replies.push(link);
                }
                NetlinkPayload::Error(error) => bail!("{}", error.to_io()),
                NetlinkPayload::Done(_) => return Ok(replies),
                _ => {}
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        if flags & NLM_F_DUMP != NLM_F_DUMP {
            return Ok(replies);
        }
    }
}
