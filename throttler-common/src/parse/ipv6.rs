//! IPv6 and its extension headers (RFC 8200; AH: RFC 4302).

use network_types::ip::{IpProto, Ipv6Hdr};

use super::{Frame, Kind, Packet, Truncated, behind, holds, packet_flag, transport};
use crate::abi::Addr;

const HEADER: u32 = Ipv6Hdr::LEN as u32;
/// Extension headers walked. RFC 8200 names seven kinds, each at most once but for destination
/// options; a longer chain leaves the transport unread, and the packet to the `default` scope.
pub(super) const MAX_EXTENSIONS: u32 = 8;

const HOP_BY_HOP: u8 = IpProto::HopOpt as u8;
const ROUTING: u8 = IpProto::Ipv6Route as u8;
const FRAGMENT: u8 = IpProto::Ipv6Frag as u8;
const DESTINATION: u8 = IpProto::Ipv6Opts as u8;
const AUTHENTICATION: u8 = IpProto::Ah as u8;
const MOBILITY: u8 = IpProto::MobilityHeader as u8;
const HIP: u8 = IpProto::Hip as u8;
const SHIM6: u8 = IpProto::Shim6 as u8;

const FRAGMENT_OFFSET: u16 = 0xfff8;
const MORE_FRAGMENTS: u16 = 1;

/// The packet at `offset`.
#[inline(always)]
pub(super) fn parse<F: Frame>(frame: &F, offset: u32) -> Result<Packet, Truncated> {
    let Some(h) = frame.get::<{ Ipv6Hdr::LEN }>(offset) else {
        return Err(Truncated);
    };
    let claimed = u32::from(u16::from_be_bytes([h[4], h[5]]));
    let mut next = h[6];
    // A jumbogram (RFC 2675) claims 0 and says its length in a hop-by-hop option: the frame's counts.
    let payload = if claimed == 0 && next == HOP_BY_HOP {
        behind(frame, offset + HEADER)
    } else {
        claimed
    };
    let length = HEADER + payload;
    if h[0] >> 4 != 6 || !holds(frame, offset, length) {
        return Err(Truncated);
    }
    let mut packet = Packet::blank(Kind::V6, length);
    packet.source = Addr::from_bytes([
        h[8], h[9], h[10], h[11], h[12], h[13], h[14], h[15], h[16], h[17], h[18], h[19], h[20],
        h[21], h[22], h[23],
    ]);
    packet.destination = Addr::from_bytes([
        h[24], h[25], h[26], h[27], h[28], h[29], h[30], h[31], h[32], h[33], h[34], h[35], h[36],
        h[37], h[38], h[39],
    ]);
    let (mut at, mut left, mut whole) = (offset + HEADER, payload, true);
    let mut walked = 0;
    while is_extension(next) {
        if walked == MAX_EXTENSIONS {
            packet.protocol = next;
            packet.flags = packet_flag::OPAQUE;
            return Ok(packet);
        }
        if left < 8 {
            return cut(whole, packet);
        }
        let Some(e) = frame.get::<8>(at) else {
            return Err(Truncated);
        };
        let size = match next {
            FRAGMENT => {
                let fragment = u16::from_be_bytes([e[2], e[3]]);
                if fragment & FRAGMENT_OFFSET != 0 {
                    packet.protocol = e[0];
                    packet.flags = packet_flag::OPAQUE;
                    return Ok(packet);
                }
                whole &= fragment & MORE_FRAGMENTS == 0;
                8
            }
            AUTHENTICATION => u32::from(e[1]) * 4 + 8,
            _ => u32::from(e[1]) * 8 + 8,
        };
        if size > left {
            return cut(whole, packet);
        }
        next = e[0];
        at += size;
        left -= size;
        walked += 1;
    }
    packet.protocol = next;
    transport::read(frame, at, left, whole, &mut packet)?;
    Ok(packet)
}

/// An extension header that the packet does not hold in full: only the first fragment of several may
/// end inside one.
#[inline(always)]
fn cut(whole: bool, mut packet: Packet) -> Result<Packet, Truncated> {
    if whole {
        return Err(Truncated);
    }
    packet.flags = packet_flag::OPAQUE;
    Ok(packet)
}

#[inline(always)]
const fn is_extension(next: u8) -> bool {
    matches!(
        next,
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION | AUTHENTICATION | MOBILITY | HIP | SHIM6
    )
}
