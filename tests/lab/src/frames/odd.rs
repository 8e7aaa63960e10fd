//! Frames that are legal but rare, and frames that are broken, each made out of a plain untagged frame.

use etherparse::{EtherType, Ipv4Header, Ipv6Header, ether_type, ip_number};

use super::{ETHERNET_LEN, ethertype_of};

/// An IPv6 extension header (RFC 8200, RFC 4302) of the least length that its kind has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension {
    /// Hop-by-hop options: one PadN; 8 bytes. Only right as the first.
    HopByHop,
    /// Destination options: one PadN; 8 bytes.
    Destination,
    /// Routing header of type 4 (segment routing) with no segments left; 8 bytes.
    Routing,
    /// Authentication header with a 12 byte check value; 24 bytes.
    Authentication,
    /// Fragment header at offset 0 without more fragments, an "atomic fragment" (RFC 6946); 8 bytes.
    AtomicFragment,
}

impl Extension {
    fn number(self) -> u8 {
        match self {
            Self::HopByHop => ip_number::IPV6_HEADER_HOP_BY_HOP,
            Self::Destination => ip_number::IPV6_DESTINATION_OPTIONS,
            Self::Routing => ip_number::IPV6_ROUTE_HEADER,
            Self::Authentication => ip_number::AUTHENTICATION_HEADER,
            Self::AtomicFragment => ip_number::IPV6_FRAGMENTATION_HEADER,
        }
        .0
    }

    fn bytes(self, next: u8) -> Vec<u8> {
        match self {
            Self::HopByHop | Self::Destination => vec![next, 0, 1, 4, 0, 0, 0, 0],
            Self::Routing => vec![next, 0, 4, 0, 0, 0, 0, 0],
            Self::Authentication => {
                // The length counts 4 byte words less 2: (24 / 4) - 2.
                let mut header = vec![next, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
                header.resize(24, 0xa5);
                header
            }
            Self::AtomicFragment => fragment_header(next, 0, false),
        }
    }
}

/// Which part of a datagram a fragment claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Offset 0, more to come: has the transport header.
    First,
    /// Offset 1448, more to come.
    Middle,
    /// Offset 1448, nothing to come.
    Last,
}

impl Part {
    /// Offset in units of 8 bytes, and the flag "more fragments".
    fn fields(self) -> (u16, bool) {
        match self {
            Self::First => (0, true),
            Self::Middle => (181, true),
            Self::Last => (181, false),
        }
    }
}

/// An IPv4 frame with `words` (1 to 10) words of options, all "no operation" (1), before its payload.
///
/// # Panics
/// If the frame is not IPv4 or `words` is out of range.
pub fn ipv4_options(frame: &[u8], words: usize) -> Vec<u8> {
    edit_ipv4(frame, |header| {
        header.options = vec![1; words * 4]
            .as_slice()
            .try_into()
            .expect("1 to 10 words of options");
    })
}

/// An IPv6 frame with extension headers, in the order given, between its header and its payload.
///
/// # Panics
/// If the frame is not IPv6.
pub fn ipv6_extensions(frame: &[u8], extensions: &[Extension]) -> Vec<u8> {
    let (mut header, payload) = split_ipv6(frame);
    let mut rest = payload.to_vec();
    for extension in extensions.iter().rev() {
        let mut longer = extension.bytes(header.next_header.0);
        longer.append(&mut rest);
        rest = longer;
        header.next_header.0 = extension.number();
    }
    join_ipv6(frame, header, &rest)
}

/// The frame as a fragment, of either family. Its payload stays, so that a middle fragment has bytes in place of the
/// ports which look like those of the plain frame, and must not be read as such.
///
/// # Panics
/// If the frame is not IP.
pub fn fragment(frame: &[u8], part: Part) -> Vec<u8> {
    let (offset, more) = part.fields();
    if ethertype_of(frame) == ether_type::IPV4 {
        return edit_ipv4(frame, |header| {
            header.identification = 0x7468;
            header.dont_fragment = false;
            header.more_fragments = more;
            header.fragment_offset = offset.try_into().expect("13 bits");
        });
    }
    let (mut header, payload) = split_ipv6(frame);
    let rest = [
        &fragment_header(header.next_header.0, offset, more),
        payload,
    ]
    .concat();
    header.next_header = ip_number::IPV6_FRAGMENTATION_HEADER;
    join_ipv6(frame, header, &rest)
}

/// The frame cut off after `len` bytes; its headers claim what they claimed.
pub fn truncate(frame: &[u8], len: usize) -> Vec<u8> {
    frame[..len.min(frame.len())].to_vec()
}

/// The frame with zero bytes after the end of its IP packet, as a wire pads short frames.
pub fn pad(mut frame: Vec<u8>, bytes: usize) -> Vec<u8> {
    frame.resize(frame.len() + bytes, 0);
    frame
}

/// Next header, reserved, offset and flags, identification.
fn fragment_header(next: u8, offset: u16, more: bool) -> Vec<u8> {
    let mut header = vec![next, 0];
    header.extend(((offset << 3) | u16::from(more)).to_be_bytes());
    header.extend(0x7468_7200_u32.to_be_bytes());
    header
}

fn edit_ipv4(frame: &[u8], edit: impl FnOnce(&mut Ipv4Header)) -> Vec<u8> {
    assert_family(frame, ether_type::IPV4);
    let (mut header, payload) =
        Ipv4Header::from_slice(&frame[ETHERNET_LEN..]).expect("a whole IPv4 header");
    edit(&mut header);
    header
        .set_payload_len(payload.len())
        .expect("room in the length field");
    let mut result = frame[..ETHERNET_LEN].to_vec();
    header.write(&mut result).expect("a Vec takes all");
    result.extend(payload);
    result
}

fn split_ipv6(frame: &[u8]) -> (Ipv6Header, &[u8]) {
    assert_family(frame, ether_type::IPV6);
    Ipv6Header::from_slice(&frame[ETHERNET_LEN..]).expect("a whole IPv6 header")
}

fn join_ipv6(frame: &[u8], mut header: Ipv6Header, payload: &[u8]) -> Vec<u8> {
    header
        .set_payload_length(payload.len())
        .expect("room in the length field");
    let mut result = frame[..ETHERNET_LEN].to_vec();
    header.write(&mut result).expect("a Vec takes all");
    result.extend(payload);
    result
}

fn assert_family(frame: &[u8], wanted: EtherType) {
    assert_eq!(
        ethertype_of(frame),
        wanted,
        "the frame is of another family, or tagged already"
    );
}

#[cfg(test)]
mod tests;
