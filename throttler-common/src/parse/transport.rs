//! TCP (RFC 9293) and UDP (RFC 768): destination port and SYN.

use network_types::{ip::IpProto, tcp::TcpHdr, udp::UdpHdr};

use super::{Frame, Packet, Truncated, packet_flag};

const TCP: u8 = IpProto::Tcp as u8;
const UDP: u8 = IpProto::Udp as u8;
const TCP_HEADER: u32 = TcpHdr::LEN as u32;
const UDP_HEADER: u32 = UdpHdr::LEN as u32;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Reads the transport header at `offset`, of which the IP packet holds `left` bytes, into `packet`.
/// `whole` is false for a first fragment, whose header may speak of bytes that come later.
///
/// A header that is not all there leaves the packet opaque; one that claims more than there is, or
/// less than its own minimum, is malformed.
#[inline(always)]
pub(super) fn read<F: Frame>(
    frame: &F,
    offset: u32,
    left: u32,
    whole: bool,
    packet: &mut Packet,
) -> Result<(), Truncated> {
    match packet.protocol {
        TCP => {
            if left < TCP_HEADER {
                packet.flags = packet_flag::OPAQUE;
                return Ok(());
            }
            let Some(h) = frame.get::<{ TcpHdr::LEN }>(offset) else {
                return Err(Truncated);
            };
            let header = u32::from(h[12] >> 4) * 4;
            if header < TCP_HEADER || (whole && header > left) {
                return Err(Truncated);
            }
            packet.port = u16::from_be_bytes([h[2], h[3]]);
            packet.flags = packet_flag::PORT;
            if h[13] & (SYN | ACK) == SYN {
                packet.flags |= packet_flag::SYN;
            }
        }
        UDP => {
            if left < UDP_HEADER {
                packet.flags = packet_flag::OPAQUE;
                return Ok(());
            }
            let Some(h) = frame.get::<{ UdpHdr::LEN }>(offset) else {
                return Err(Truncated);
            };
            // 0 says "longer than 65,535" in a jumbogram (RFC 2675).
            let length = u32::from(u16::from_be_bytes([h[4], h[5]]));
            if length != 0 && (length < UDP_HEADER || (whole && length > left)) {
                return Err(Truncated);
            }
            packet.port = u16::from_be_bytes([h[2], h[3]]);
            packet.flags = packet_flag::PORT;
        }
        _ => {}
    }
    Ok(())
}
