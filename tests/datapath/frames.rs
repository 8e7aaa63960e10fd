//! Odd frames that are legal: each is counted under its scope, by the length that its IP header claims.

use throttler_common::Reason;
use throttler_lab::frames::odd::{self, Extension, Part};
use throttler_lab::frames::{self, ethertype, ip_protocol, protocol, qinq, tag, vlan};

use crate::counted::{Counted, LINK, datagram, ipv6, patched, segment};
use crate::harness::{Program, REACH, START};
use crate::traffic::{SERVER, SERVER6, ip};

const V4: bool = true;
const V6: bool = false;

#[test]
fn tags_are_not_counted() {
    let counted = Counted::new();
    for (v4, length) in [(V4, 38), (V6, 58)] {
        let plain = datagram(v4, 10);
        counted.conforming("no tag", &plain, "dns", length);
        counted.conforming("VLAN", &vlan(plain.clone(), 7), "dns", length);
        counted.conforming("priority tag", &vlan(plain.clone(), 0), "dns", length);
        counted.conforming("QinQ", &qinq(plain.clone(), 100, 200), "dns", length);
        counted.conforming(
            "old QinQ",
            &tag(vlan(plain.clone(), 7), 0x9100, 8),
            "dns",
            length,
        );
        let four = qinq(qinq(plain.clone(), 1, 2), 3, 4);
        counted.conforming("4 tags", &four, "dns", length);
        counted.expect(
            "5 tags",
            &vlan(four, 5),
            Reason::Malformed,
            "default",
            20 + length,
        );
    }
    counted.expect(
        "tagged ARP",
        &vlan(ethertype(0x0806, 46), 7),
        Reason::NotIp,
        "default",
        46,
    );
}

#[test]
fn what_is_not_ip_passes() {
    let counted = Counted::new();
    for (what, kind) in [
        ("ARP", 0x0806),
        ("LLDP", 0x88cc),
        ("PPPoE", 0x8864),
        ("MPLS", 0x8847),
        ("unknown", 0x88b5),
        ("length of an 802.3 frame", 46),
        ("zero", 0),
    ] {
        counted.expect(what, &ethertype(kind, 46), Reason::NotIp, "default", 46);
        counted.expect(what, &ethertype(kind, 0), Reason::NotIp, "default", 0);
    }
}

#[test]
fn transports_by_their_protocol() {
    let counted = Counted::new();
    let pairs = [
        (ip("192.0.2.1"), SERVER, 20),
        (ip("2001:db8:c::1"), SERVER6, 40),
    ];
    for (source, to, header) in pairs {
        counted.conforming("ping", &frames::icmp_echo(source, to), "ping", header + 64);
        for (number, scope) in [
            (protocol::GRE, "tunnel"),
            (protocol::ESP, "tunnel"),
            (protocol::SCTP, "sctp"),
            (2, "default"),
            (59, "default"),
            (255, "default"),
        ] {
            for length in [0, 1, 60] {
                let frame = ip_protocol(source, to, number, length);
                counted.conforming(
                    &format!("protocol {number}"),
                    &frame,
                    scope,
                    header + length,
                );
            }
        }
    }
    // ICMP is one scope for both families, whichever of the two numbers is in the other's packet.
    counted.conforming(
        "ICMPv6 in IPv4",
        &ip_protocol(ip("192.0.2.1"), SERVER, 58, 8),
        "ping",
        28,
    );
}

#[test]
fn padding_is_not_counted() {
    let counted = Counted::new();
    for (v4, length) in [(V4, 30), (V6, 50)] {
        for bytes in [1, 18, 200] {
            counted.conforming("padded", &odd::pad(datagram(v4, 2), bytes), "dns", length);
        }
    }
}

#[test]
fn ipv4_options_are_stepped_over() {
    let counted = Counted::new();
    for words in 1..=10 {
        let options = odd::ipv4_options(&segment(V4, 5), words);
        counted.conforming("options", &options, "web", 45 + 4 * words);
    }
}

#[test]
fn ipv6_extension_headers_are_stepped_over() {
    use Extension::{AtomicFragment, Authentication, Destination, HopByHop, Routing};
    let counted = Counted::new();
    let plain = segment(V6, 5);
    let kinds = [
        HopByHop,
        Routing,
        Destination,
        Authentication,
        AtomicFragment,
    ];
    for kind in kinds {
        let frame = odd::ipv6_extensions(&plain, &[kind]);
        counted.conforming(&format!("{kind:?}"), &frame, "web", frame.len() - LINK);
    }
    let all = odd::ipv6_extensions(&plain, &kinds);
    counted.conforming("one of each", &all, "web", all.len() - LINK);
    // The walk ends after eight: what lies behind a ninth is not read.
    let eight = odd::ipv6_extensions(&plain, &[Destination; 8]);
    counted.conforming("8 headers", &eight, "web", eight.len() - LINK);
    let nine = odd::ipv6_extensions(&plain, &[Destination; 9]);
    counted.conforming("9 headers", &nine, "default", nine.len() - LINK);

    // A longer header (two units), and the kinds that RFC 8200 does not name: mobility, HIP, shim6.
    let behind = [&[17, 1][..], &[0; 14], &datagram(V6, 4)[LINK + 40..]].concat();
    for kind in [0, 43, 60, 135, 139, 140] {
        counted.conforming(
            &format!("long {kind}"),
            &ipv6(kind, &behind),
            "dns",
            40 + 16 + 12,
        );
    }
}

#[test]
fn fragments() {
    let counted = Counted::new();
    for (v4, header) in [(V4, 0), (V6, 8)] {
        let plain = segment(v4, 80);
        let length = plain.len() - LINK + header;
        for (part, scope) in [
            (Part::First, "web"),
            (Part::Middle, "default"),
            (Part::Last, "default"),
        ] {
            let what = format!("{part:?}, IPv4: {v4}");
            counted.conforming(&what, &odd::fragment(&plain, part), scope, length);
        }
    }
    // A first fragment's headers may speak of what comes later, which a whole packet's may not.
    let first = odd::fragment(&segment(V4, 0), Part::First);
    counted.conforming(
        "TCP options to come",
        &patched(&first, 32, &[0xf0]),
        "web",
        40,
    );
    let first = odd::fragment(&datagram(V6, 4), Part::First);
    counted.conforming(
        "UDP payload to come",
        &patched(&first, 52, &[4, 0]),
        "dns",
        60,
    );
    // It may end inside an extension header as well; then there is no port to go by.
    let cut = ipv6(44, &[60, 0, 0, 1, 0, 0, 0, 0, 17, 9, 0, 0, 0, 0, 0, 0]);
    counted.conforming("cut in its options", &cut, "default", 56);
}

#[test]
fn transport_headers_that_are_not_all_there() {
    let counted = Counted::new();
    for length in 0..20 {
        let frame = ip_protocol(ip("192.0.2.1"), SERVER, 6, length);
        counted.conforming("TCP", &frame, "default", 20 + length);
        counted.conforming("TCP", &ipv6(6, &vec![0; length]), "default", 40 + length);
    }
    for length in 0..8 {
        let frame = ip_protocol(ip("192.0.2.1"), SERVER, 17, length);
        counted.conforming("UDP", &frame, "default", 20 + length);
        counted.conforming("UDP", &ipv6(17, &vec![0; length]), "default", 40 + length);
    }
}

#[test]
fn a_jumbogram_is_as_long_as_its_frame() {
    let counted = Counted::new();
    // Jumbo payload option (RFC 2675): 0xc2, 4 bytes. A length of 0 stands in both headers.
    let options = [17, 0, 0xc2, 4, 0, 1, 0, 8];
    let udp = [0x9c, 0x40, 0, 53, 0, 0, 0, 0];
    let behind = [&options[..], &udp, &[0; 3_000]].concat();
    let frame = patched(&ipv6(0, &behind), 4, &[0, 0]);
    counted.conforming("jumbogram", &frame, "dns", 40 + behind.len());
    // Without hop-by-hop options a length of 0 is an empty packet, and the rest padding.
    let empty = patched(&ipv6(17, &behind), 4, &[0, 0]);
    counted.conforming("empty", &empty, "default", 40);
}

/// What an MTU of 9,000 brings lies in three buffers of a test run; the first holds some 3,500 bytes.
#[test]
fn frames_of_several_buffers_are_counted_by_what_their_header_claims() {
    let counted = Counted::new();
    for (v4, headers) in [(V4, 28), (V6, 48)] {
        let edges = [REACH, REACH + 4_096].into_iter();
        let edges = edges.flat_map(|edge| edge - LINK - 9..=edge - LINK + 9);
        for length in edges.chain([1_500, 4_096, 8_192, 8_999, 9_000, 9_001, 16_000]) {
            let frame = datagram(v4, length - headers);
            counted.conforming(&format!("{length} bytes"), &frame, "dns", length);
            counted.conforming("tagged", &vlan(frame.clone(), 7), "dns", length);
            counted.conforming("padded", &odd::pad(frame, 300), "dns", length);
        }
    }
    let options = odd::ipv4_options(&segment(V4, 8_900), 10);
    counted.conforming("options", &options, "web", 8_980);
    let kinds = [
        Extension::HopByHop,
        Extension::Destination,
        Extension::Routing,
    ];
    let extended = odd::ipv6_extensions(&segment(V6, 8_900), &kinds);
    counted.conforming("extensions", &extended, "web", 8_984);
}

#[test]
fn limits_of_bytes_charge_all_buffers() {
    let program = Program::new(
        r#"[scopes.default.limits]
           volume = { rate = "1/s", burst = 20000, unit = "bytes" }"#,
    );
    for v4 in [V4, V6] {
        let headers = if v4 { 28 } else { 48 };
        let reason = |length: usize| {
            let answer = program.run(START, &datagram(v4, length - headers));
            answer.reason
        };
        assert_eq!(reason(9_000), Reason::Conforming);
        assert_eq!(reason(9_000), Reason::Conforming);
        assert_eq!(reason(9_000), Reason::OverLimit);
        assert_eq!(reason(2_001), Reason::OverLimit);
        assert_eq!(reason(2_000), Reason::Conforming);
        assert_eq!(reason(headers), Reason::OverLimit);
    }
}

/// The IP header's claim counts against the whole frame, not against its first buffer.
#[test]
fn a_claim_that_the_last_buffer_does_not_hold_is_malformed() {
    let counted = Counted::new();
    for (v4, header, field) in [(V4, 0, 2), (V6, 40, 4)] {
        let frame = datagram(v4, 8_000);
        let length = frame.len() - LINK;
        let claim = |claimed: usize| {
            let field_value = (claimed - header) as u16;
            patched(&frame, field, &field_value.to_be_bytes())
        };
        for more in [1, 2, 100, 4_096] {
            counted.malformed("claims more", &claim(length + more), 0);
        }
        // The datagram's own length still says what it said.
        counted.malformed("claims less", &claim(length - 1), 0);
        counted.conforming("claims all", &claim(length), "dns", length);
    }
}
