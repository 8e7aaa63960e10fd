//! Ethernet II and its VLAN tags (IEEE 802.3, 802.1Q, 802.1ad).

use network_types::eth::{EthHdr, EtherType};

use super::{Frame, Truncated};

/// Length of an Ethernet header without tags.
pub(super) const HEADER: u32 = EthHdr::LEN as u32;
/// EtherType of IPv4.
pub(super) const IPV4: u16 = u16::from_be(EtherType::Ipv4 as u16);
/// EtherType of IPv6.
pub(super) const IPV6: u16 = u16::from_be(EtherType::Ipv6 as u16);

const VLAN: u16 = u16::from_be(EtherType::Ieee8021q as u16);
const QINQ: u16 = u16::from_be(EtherType::Ieee8021ad as u16);
/// The tag of pre-standard double tagging, which switches still send.
const QINQ_OLD: u16 = 0x9100;
const TAG: u32 = 4;

/// Tags walked. The standards nest two; a frame with more than this is malformed, since passing it
/// on would be a way around the limits.
pub(super) const MAX_TAGS: u32 = 4;

/// The EtherType behind all tags, and the offset of what follows.
#[inline(always)]
pub(super) fn walk<F: Frame>(frame: &F) -> Result<(u16, u32), Truncated> {
    let Some(header) = frame.get::<{ EthHdr::LEN }>(0) else {
        return Err(Truncated);
    };
    let mut ether_type = u16::from_be_bytes([header[12], header[13]]);
    let mut offset = HEADER;
    let mut tags = 0;
    while is_tag(ether_type) {
        if tags == MAX_TAGS {
            return Err(Truncated);
        }
        let Some(tag) = frame.get::<{ TAG as usize }>(offset) else {
            return Err(Truncated);
        };
        ether_type = u16::from_be_bytes([tag[2], tag[3]]);
        offset += TAG;
        tags += 1;
    }
    Ok((ether_type, offset))
}

#[inline(always)]
const fn is_tag(ether_type: u16) -> bool {
    matches!(ether_type, VLAN | QINQ | QINQ_OLD)
}
