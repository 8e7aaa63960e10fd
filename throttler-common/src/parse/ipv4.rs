//! IPv4 (RFC 791).

use network_types::ip::Ipv4Hdr;

use super::{Frame, Kind, Packet, Truncated, holds, packet_flag, transport};
use crate::abi::Addr;

const HEADER: u32 = Ipv4Hdr::LEN as u32;
const MORE_FRAGMENTS: u16 = 0x2000;
const FRAGMENT_OFFSET: u16 = 0x1fff;

/// The packet at `offset`.
#[inline(always)]
pub(super) fn parse<F: Frame>(frame: &F, offset: u32) -> Result<Packet, Truncated> {
    let Some(h) = frame.get::<{ Ipv4Hdr::LEN }>(offset) else {
        return Err(Truncated);
    };
    let header = u32::from(h[0] & 0x0f) * 4;
    let length = u32::from(u16::from_be_bytes([h[2], h[3]]));
    if h[0] >> 4 != 4 || header < HEADER || length < header || !holds(frame, offset, length) {
        return Err(Truncated);
    }
    let fragment = u16::from_be_bytes([h[6], h[7]]);
    let mut packet = Packet::blank(Kind::V4, length);
    packet.source = Addr::from_v4([h[12], h[13], h[14], h[15]]);
    packet.destination = Addr::from_v4([h[16], h[17], h[18], h[19]]);
    packet.protocol = h[9];
    if fragment & FRAGMENT_OFFSET != 0 {
        packet.flags = packet_flag::OPAQUE;
        return Ok(packet);
    }
    let whole = fragment & MORE_FRAGMENTS == 0;
    transport::read(frame, offset + header, length - header, whole, &mut packet)?;
    Ok(packet)
}
