//! How an interface stands among the others: its kind, what it is a part of, what stands on it. Over rtnetlink.

use anyhow::{Context as _, Result};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage};

use super::interface::ask;

/// An interface as the kernel describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its index in this network namespace.
    pub index: u32,
    /// `vlan`, `bond`, `veth`, ...; nothing for a card.
    pub kind: Option<String>,
    /// Bytes of the largest packet.
    pub mtu: u32,
    /// Whether somebody has taken it up.
    pub is_up: bool,
    /// Whether its frames begin with an Ethernet header.
    pub is_ethernet: bool,
    /// Whether it leads back to this host.
    pub is_loopback: bool,
    /// Queues that it has been made with.
    pub rx_queues: u32,
    /// Index of the bond or bridge that it is a part of.
    pub controller: Option<u32>,
    /// Index of what it stands on, or is paired with.
    pub lower: Option<u32>,
}

/// Whether a link's frames begin with an Ethernet header; the loopback's do, too.
pub(super) fn has_ethernet(link: &LinkMessage) -> bool {
    matches!(
        link.header.link_layer_type,
        LinkLayerType::Ether | LinkLayerType::Loopback
    )
}

/// All interfaces of this network namespace.
///
/// # Errors
/// Netlink's.
pub fn devices() -> Result<Vec<Device>> {
    let links = ask(LinkMessage::default(), NLM_F_REQUEST | NLM_F_DUMP)
        .context("asking for the interfaces")?;
    Ok(links.iter().map(Device::of).collect())
}

impl Device {
    fn of(link: &LinkMessage) -> Self {
        let mut device = Self {
            index: link.header.index,
            is_up: link.header.flags.contains(LinkFlags::Up),
            is_ethernet: has_ethernet(link),
            is_loopback: link.header.flags.contains(LinkFlags::Loopback),
            ..Self::default()
        };
        for attribute in &link.attributes {
            match attribute {
                LinkAttribute::IfName(name) => device.name.clone_from(name),
                LinkAttribute::Mtu(mtu) => device.mtu = *mtu,
                LinkAttribute::NumRxQueues(queues) => device.rx_queues = *queues,
                LinkAttribute::Controller(index) => device.controller = Some(*index),
                LinkAttribute::Link(index) => device.lower = Some(*index),
                LinkAttribute::LinkInfo(infos) => {
                    device.kind = infos.iter().find_map(|info| match info {
                        LinkInfo::Kind(kind) => Some(kind.to_string()),
                        _ => None,
                    });
                }
                _ => {}
            }
        }
        device
    }

    /// The bond or bridge that this is a part of.
    #[must_use]
    pub fn controller<'a>(&self, all: &'a [Self]) -> Option<&'a Self> {
        all.iter().find(|one| Some(one.index) == self.controller)
    }

    /// What this stands on, if that is in this network namespace.
    #[must_use]
    pub fn lower<'a>(&self, all: &'a [Self]) -> Option<&'a Self> {
        all.iter().find(|one| Some(one.index) == self.lower)
    }

    /// What this bond or bridge is made of.
    pub fn parts<'a>(&'a self, all: &'a [Self]) -> impl Iterator<Item = &'a Self> {
        all.iter().filter(|one| one.controller == Some(self.index))
    }

    /// Whether it is of a kind.
    #[must_use]
    pub fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }
}
