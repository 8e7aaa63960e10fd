use std::net::IpAddr;

use etherparse::{LaxSlicedPacket, SlicedPacket, TransportSlice};

use super::{super::udp, *};

fn plain(v4: bool) -> Vec<u8> {
    let [src, dst] = if v4 {
        ["192.0.2.1", "10.77.0.1"]
    } else {
        ["2001:db8::1", "fd77::1"]
    };
    udp(
        src.parse::<IpAddr>().expect("address"),
        dst.parse().expect("address"),
        1000,
        53,
        24,
    )
}

fn destination_port(frame: &[u8]) -> Option<u16> {
    match SlicedPacket::from_ethernet(frame)
        .expect("a packet")
        .transport
    {
        Some(TransportSlice::Udp(udp)) => Some(udp.destination_port()),
        _ => None,
    }
}

#[test]
fn options_lengthen_the_header() {
    for words in [1, 10] {
        let frame = ipv4_options(&plain(true), words);
        assert_eq!(frame.len(), plain(true).len() + 4 * words);
        let (header, _) = Ipv4Header::from_slice(&frame[ETHERNET_LEN..]).expect("a header");
        assert_eq!(usize::from(header.ihl()), 5 + words);
        assert_eq!(usize::from(header.total_len), frame.len() - ETHERNET_LEN);
        assert_eq!(header.header_checksum, header.calc_header_checksum());
        assert_eq!(destination_port(&frame), Some(53));
    }
}

#[test]
fn extensions_chain_in_order() {
    use Extension::{AtomicFragment, Authentication, Destination, HopByHop, Routing};
    let frame = ipv6_extensions(
        &plain(false),
        &[
            HopByHop,
            Destination,
            Routing,
            AtomicFragment,
            Authentication,
        ],
    );
    assert_eq!(frame.len(), plain(false).len() + 4 * 8 + 24);
    let (header, _) = split_ipv6(&frame);
    assert_eq!(
        usize::from(header.payload_length),
        frame.len() - ETHERNET_LEN - Ipv6Header::LEN
    );
    assert_eq!(header.next_header, ip_number::IPV6_HEADER_HOP_BY_HOP);
    assert_eq!(destination_port(&frame), Some(53));
    for extension in [
        HopByHop,
        Destination,
        Routing,
        AtomicFragment,
        Authentication,
    ] {
        assert_eq!(
            destination_port(&ipv6_extensions(&plain(false), &[extension])),
            Some(53),
            "{extension:?}"
        );
    }
}

#[test]
fn fragments_say_where_they_belong() {
    for v4 in [true, false] {
        for part in [Part::First, Part::Middle, Part::Last] {
            let frame = fragment(&plain(v4), part);
            assert_eq!(frame.len(), plain(v4).len() + if v4 { 0 } else { 8 });
            let sliced = SlicedPacket::from_ethernet(&frame).expect("a packet");
            let payload = sliced
                .net
                .as_ref()
                .and_then(|net| net.ip_payload_ref())
                .expect("an IP payload");
            assert!(payload.fragmented, "{part:?}");
            assert_eq!(
                (payload.ip_number, payload.payload.len()),
                (ip_number::UDP, 32)
            );
            let (offset, more) = part.fields();
            let at = if v4 { 20 } else { 56 };
            let field = u16::from_be_bytes([frame[at], frame[at + 1]]);
            let wanted = if v4 {
                offset | u16::from(more) << 13
            } else {
                offset << 3 | u16::from(more)
            };
            assert_eq!(field, wanted, "{part:?}");
        }
    }
}

#[test]
fn a_truncated_frame_claims_more_than_it_has() {
    for v4 in [true, false] {
        let frame = truncate(&plain(v4), plain(v4).len() - 1);
        assert!(SlicedPacket::from_ethernet(&frame).is_err());
        assert!(LaxSlicedPacket::from_ethernet(&frame).is_ok());
        assert_eq!(destination_port(&pad(plain(v4), 18)), Some(53));
    }
}
