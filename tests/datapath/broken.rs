//! Frames that their own headers contradict are dropped as malformed, and counted by what they bring.

use throttler_common::Reason;
use throttler_lab::frames::odd::{self, Extension};
use throttler_lab::frames::{ethertype, qinq, vlan};

use crate::counted::{Counted, LINK, datagram, ipv6, patched, segment};
use crate::harness::{START, can_split, moved};

const V4: bool = true;
const V6: bool = false;

#[test]
fn ipv4_headers_that_contradict_themselves() {
    let counted = Counted::new();
    let plain = segment(V4, 5);
    for words in 0..5 {
        counted.malformed(
            "header below 20 bytes",
            &patched(&plain, 0, &[0x40 | words]),
            0,
        );
    }
    // 60 bytes of header in a packet of 45.
    counted.malformed("header beyond the packet", &patched(&plain, 0, &[0x4f]), 0);
    for version in (0..16).filter(|version| *version != 4) {
        counted.malformed("version", &patched(&plain, 0, &[version << 4 | 5]), 0);
    }
    for length in [0u16, 1, 19, 46, 1_500, 65_535] {
        counted.malformed(
            "total length",
            &patched(&plain, 2, &length.to_be_bytes()),
            0,
        );
    }
    let tagged = vlan(patched(&plain, 2, &[1, 0]), 5);
    counted.malformed("behind a tag", &tagged, 4);
}

#[test]
fn ipv6_headers_that_contradict_themselves() {
    let counted = Counted::new();
    let plain = segment(V6, 5);
    for version in (0..16).filter(|version| *version != 6) {
        counted.malformed("version", &patched(&plain, 0, &[version << 4]), 0);
    }
    for length in [26u16, 1_500, 65_535] {
        counted.malformed(
            "payload length",
            &patched(&plain, 4, &length.to_be_bytes()),
            0,
        );
    }
    counted.malformed(
        "behind two tags",
        &qinq(patched(&plain, 4, &[1, 0]), 5, 6),
        8,
    );
}

#[test]
fn transport_headers_that_contradict_themselves() {
    let counted = Counted::new();
    for (v4, header) in [(V4, 20), (V6, 40)] {
        let tcp = segment(v4, 10);
        for words in 0..5 {
            counted.malformed(
                "TCP header too short",
                &patched(&tcp, header + 12, &[words << 4]),
                0,
            );
        }
        // 30 bytes are there: 7 words are, 8 are not.
        counted.conforming(
            "TCP options",
            &patched(&tcp, header + 12, &[7 << 4]),
            "web",
            header + 30,
        );
        for words in 8..16 {
            counted.malformed(
                "TCP header too long",
                &patched(&tcp, header + 12, &[words << 4]),
                0,
            );
        }
        let udp = datagram(v4, 10);
        for length in (1..8).chain([19, 1_000, 65_535]) {
            counted.malformed(
                "UDP length",
                &patched(&udp, header + 4, &u16::to_be_bytes(length)),
                0,
            );
        }
        // Less than the IP packet brings is legal, and 0 is a jumbogram's.
        for length in [0, 8, 17, 18] {
            let frame = patched(&udp, header + 4, &u16::to_be_bytes(length));
            counted.conforming("UDP length", &frame, "dns", header + 18);
        }
    }
}

#[test]
fn extension_headers_that_contradict_themselves() {
    let counted = Counted::new();
    // 16 bytes are there; the length counts units of 8 beyond the first (of AH: of 4 beyond 8).
    let udp = &datagram(V6, 0)[LINK + 40..];
    let behind = |units| [&[17, units, 0, 0, 0, 0, 0, 0][..], udp].concat();
    for kind in [0, 43, 60, 135, 139, 140] {
        counted.conforming("fits", &ipv6(kind, &behind(0)), "dns", 56);
        counted.conforming("takes all", &ipv6(kind, &behind(1)), "default", 56);
        for units in [2, 3, 255] {
            counted.malformed("too long", &ipv6(kind, &behind(units)), 0);
        }
    }
    counted.conforming("AH takes all", &ipv6(51, &behind(2)), "default", 56);
    for units in [3, 4, 255] {
        counted.malformed("AH too long", &ipv6(51, &behind(units)), 0);
    }
    for length in 0..8 {
        counted.malformed("no room for an extension", &ipv6(60, &vec![0; length]), 0);
        counted.malformed(
            "no room for a fragment header",
            &ipv6(44, &vec![0; length]),
            0,
        );
    }
}

#[test]
fn every_truncation_is_malformed() {
    let counted = Counted::new();
    let extended =
        odd::ipv6_extensions(&segment(V6, 9), &[Extension::HopByHop, Extension::Routing]);
    for (what, frame, scope) in [
        ("IPv4/TCP", segment(V4, 9), "web"),
        ("IPv6/UDP", datagram(V6, 9), "dns"),
        ("IPv6/extensions/TCP", extended, "web"),
    ] {
        // A test run wants 14 bytes, of which the time takes 8.
        for length in 6..frame.len() {
            counted.malformed(&format!("{what} cut to {length}"), &frame[..length], 0);
        }
        counted.conforming(what, &frame, scope, frame.len() - LINK);
    }
    let tagged = vlan(datagram(V4, 9), 7);
    for length in 6..tagged.len() {
        let whole_tag = if length < LINK + 4 { 0 } else { 4 };
        counted.malformed(
            &format!("tagged, cut to {length}"),
            &tagged[..length],
            whole_tag,
        );
    }
}

#[test]
fn a_cut_that_the_ip_header_admits_leaves_the_transport_unread() {
    let counted = Counted::new();
    for length in 20..=40 {
        let frame = patched(
            &segment(V4, 0)[..LINK + length],
            2,
            &(length as u16).to_be_bytes(),
        );
        let scope = if length < 40 { "default" } else { "web" };
        counted.conforming(&format!("IPv4 of {length}"), &frame, scope, length);
    }
    let extended = odd::ipv6_extensions(
        &segment(V6, 0),
        &[Extension::Destination, Extension::Routing],
    );
    for length in 40..=extended.len() - LINK {
        let claimed = (length as u16 - 40).to_be_bytes();
        let frame = patched(&extended[..LINK + length], 4, &claimed);
        let what = format!("IPv6 of {length}");
        match length {
            // The chain of headers itself is cut.
            40..56 => counted.malformed(&what, &frame, 0),
            56..76 => counted.conforming(&what, &frame, "default", length),
            _ => counted.conforming(&what, &frame, "web", length),
        }
    }
}

/// A header in the second buffer of a frame cannot be read; such a frame is dropped, or a long enough chain of padding
/// would be a way around the limits. The first buffer of a test run holds some 3,500 bytes.
#[test]
fn headers_beyond_the_first_buffer_are_malformed() {
    let counted = Counted::new();
    // One of 2,048 bytes, the longest there is.
    let options = |next| [&[next, 255][..], &[0; 2_046]].concat();
    let udp = &datagram(V6, 2_000)[LINK + 40..];
    let reachable = ipv6(60, &[&options(17), udp].concat());
    counted.conforming(
        "2 KiB of options",
        &reachable,
        "dns",
        reachable.len() - LINK,
    );
    let beyond = ipv6(60, &[&options(60), &options(17), udp].concat());
    counted.malformed("4 KiB of options", &beyond, 0);
}

#[test]
fn an_ethertype_alone_is_not_a_packet() {
    let counted = Counted::new();
    for kind in [0x0800, 0x86dd] {
        for length in [0, 1, 19, 46] {
            // All zero is version 0.
            counted.malformed("IP of nothing", &ethertype(kind, length), 0);
        }
    }
    for kind in [0x8100, 0x88a8, 0x9100] {
        counted.malformed("tag of nothing", &ethertype(kind, 0), 0);
        counted.expect(
            "tag of type 0",
            &ethertype(kind, 50),
            Reason::NotIp,
            "default",
            46,
        );
    }
}

/// Wherever the first buffer ends among the headers, at any byte: what is not all in reach is not read, and not let by.
#[test]
fn headers_that_the_first_buffers_end_cuts_are_malformed() {
    if !can_split() {
        println!("not tried: first buffers of any length, which test runs have from Linux 6.18 on");
        return;
    }
    let counted = Counted::new();
    use Extension::{Authentication, Destination, HopByHop, Routing};
    let kinds = [HopByHop, Routing, Authentication, Destination];
    for (what, frame, headers, scope) in [
        ("IPv4/UDP", datagram(V4, 9_000), 28, "dns"),
        ("IPv4/TCP", segment(V4, 9_000), 40, "web"),
        (
            "IPv4 options/TCP",
            odd::ipv4_options(&segment(V4, 9_000), 10),
            80,
            "web",
        ),
        ("IPv6/UDP", datagram(V6, 9_000), 48, "dns"),
        ("IPv6/TCP", segment(V6, 9_000), 60, "web"),
        (
            "IPv6 extensions/TCP",
            odd::ipv6_extensions(&segment(V6, 9_000), &kinds),
            108,
            "web",
        ),
        ("tagged", vlan(segment(V4, 9_000), 7), 44, "web"),
        (
            "four tags",
            qinq(qinq(segment(V6, 9_000), 1, 2), 3, 4),
            76,
            "web",
        ),
    ] {
        for reach in LINK..LINK + headers + 20 {
            let before = counted.0.counters();
            let word = counted
                .0
                .run_split(START, &frame, reach)
                .expect("a split run");
            let moved = moved(&before, &counted.0.counters());
            let ((counted_in, reason), (packets, _)) = moved.first_key_value().expect("a counter");
            let expected = if reach < LINK + headers {
                (Reason::Malformed, "default")
            } else {
                (Reason::Conforming, scope)
            };
            assert_eq!(
                (*reason, counted_in.as_str()),
                expected,
                "{what}, {reach} in reach"
            );
            assert_eq!(
                (moved.len(), *packets, word as u8),
                (1, 1, *reason as u8),
                "{what}"
            );
        }
    }
}
