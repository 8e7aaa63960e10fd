//! What a driver says that it can do with XDP, over the generic netlink family `netdev`
//! (Documentation/netlink/specs/netdev.yaml of the kernel, since Linux 6.3).

use anyhow::{Context as _, Result};
use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NLM_F_REQUEST, Nla as _, NlasIterator, Parseable as _,
    ParseableParametrized,
};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlHeader, GenlMessage};
use netlink_sys::protocols::NETLINK_GENERIC;

use super::netlink::ask;

const DEV_GET: u8 = 1;
const IFINDEX: u16 = 1;
const XDP_FEATURES: u16 = 3;

/// `NETDEV_XDP_ACT_BASIC`: pass, drop, abort and transmit.
const BASIC: u64 = 1;
/// `NETDEV_XDP_ACT_RX_SG`: frames of several buffers.
const RX_SG: u64 = 1 << 5;

/// What a driver supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpFeatures {
    /// XDP before packet buffers are made.
    pub native: bool,
    /// Frames larger than a buffer: a large MTU.
    pub frags: bool,
}

/// A message of the family, its attributes as they come.
#[derive(Debug)]
struct Device(Vec<DefaultNla>);

impl GenlFamily for Device {
    fn family_name() -> &'static str {
        "netdev"
    }

    fn command(&self) -> u8 {
        DEV_GET
    }

    fn version(&self) -> u8 {
        1
    }
}

impl Emitable for Device {
    fn buffer_len(&self) -> usize {
        self.0.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.0.as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Device {
    fn parse_with_param(buffer: &[u8], _: GenlHeader) -> Result<Self, DecodeError> {
        let attributes = NlasIterator::new(buffer).map(|one| DefaultNla::parse(&one?));
        attributes.collect::<Result<_, _>>().map(Self)
    }
}

impl Device {
    fn xdp_features(&self) -> Option<u64> {
        let found = self.0.iter().find(|one| one.kind() == XDP_FEATURES)?;
        let mut value = [0; 8];
        (found.value_len() == value.len()).then(|| found.emit_value(&mut value))?;
        Some(u64::from_ne_bytes(value))
    }
}

/// What the driver of an interface supports; `None` where the kernel is too old to say.
///
/// # Errors
/// Netlink's.
pub fn xdp_features(index: u32) -> Result<Option<XdpFeatures>> {
    let Some(family) = family() else {
        return Ok(None);
    };
    let attribute = DefaultNla::new(IFINDEX, index.to_ne_bytes().to_vec());
    let mut request = GenlMessage::from_payload(Device(vec![attribute]));
    request.set_resolved_family_id(family);
    let replies = ask(NETLINK_GENERIC, request, NLM_F_REQUEST)
        .context("asking for the driver's XDP features")?;
    let bits = replies
        .iter()
        .find_map(|reply| reply.payload.xdp_features());
    Ok(bits.map(|bits| XdpFeatures {
        native: bits & BASIC != 0,
        frags: bits & RX_SG != 0,
    }))
}

/// The number that this kernel gave the family, if it has it.
fn family() -> Option<u16> {
    let request = GenlMessage::from_payload(GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(Device::family_name().to_owned())],
    });
    let replies = ask(NETLINK_GENERIC, request, NLM_F_REQUEST).ok()?;
    let mut attributes = replies.into_iter().flat_map(|reply| reply.payload.nlas);
    attributes.find_map(|attribute| match attribute {
        GenlCtrlAttrs::FamilyId(id) => Some(id),
        _ => None,
    })
}
