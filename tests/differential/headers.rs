//! Random headers, right for the most part, of every kind that the parser knows.

use crate::census::Census;
use crate::harness::Rng;
use crate::policy::PORTS;

const TCP: u8 = 6;
const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;

/// A transport header and payload, and its protocol number.
pub(crate) fn transport(rng: &mut Rng, v4: bool, census: &mut Census) -> (u8, Vec<u8>) {
    let payload = match rng.below(8) {
        0 => 0,
        1 => rng.below(1_400),
        // Up to an MTU of 9,000, and more: frames of several buffers.
        2 if rng.one_in(8) => 1_400 + rng.below(8_000),
        _ => rng.below(64),
    } as usize;
    let kind = rng.below(16);
    census.count(match kind {
        0..6 => "TCP",
        6..11 => "UDP",
        11 => "ICMP",
        12 | 13 => "other transport",
        _ => "transport cut",
    });
    match kind {
        0..6 => (TCP, tcp(rng, payload, census)),
        6..11 => (UDP, udp(rng, payload)),
        11 => (if v4 { 1 } else { 58 }, noise(rng, 8 + payload)),
        12 => (rng.pick(&[1, 58, 47, 50, 51, 132]), noise(rng, 8 + payload)),
        13 => (rng.any() as u8, noise(rng, payload)),
        // Too short for its header, within an honest IP length.
        14 => (TCP, noise(rng, payload.min(19))),
        _ => (UDP, noise(rng, payload.min(7))),
    }
}

fn noise(rng: &mut Rng, length: usize) -> Vec<u8> {
    (0..length).map(|_| rng.any() as u8).collect()
}

fn port(rng: &mut Rng) -> u16 {
    if rng.one_in(5) {
        rng.any() as u16
    } else {
        rng.pick(&PORTS)
    }
}

fn tcp(rng: &mut Rng, payload: usize, census: &mut Census) -> Vec<u8> {
    let mut segment = noise(rng, 20);
    segment[2..4].copy_from_slice(&port(rng).to_be_bytes());
    let options = if rng.one_in(4) {
        census.count("TCP options");
        rng.below(11) as usize
    } else {
        0
    };
    let words = if rng.one_in(12) {
        rng.below(16) as u8
    } else {
        5 + options as u8
    };
    segment[12] = words << 4 | rng.below(16) as u8;
    segment[13] = if rng.one_in(4) {
        rng.any() as u8
    } else {
        rng.pick(&[0x02, 0x02, 0x10, 0x12, 0x18])
    };
    segment.resize(20 + options * 4 + payload, 1);
    segment
}

fn udp(rng: &mut Rng, payload: usize) -> Vec<u8> {
    let mut datagram = noise(rng, 8);
    datagram[2..4].copy_from_slice(&port(rng).to_be_bytes());
    let length = match rng.below(12) {
        0 => rng.below(12) as u16,
        1 => rng.any() as u16,
        2 => 0,
        _ => 8 + payload as u16,
    };
    datagram[4..6].copy_from_slice(&length.to_be_bytes());
    datagram.resize(8 + payload, 0x55);
    datagram
}

/// Puts up to ten IPv6 extension headers in front; the first one's number, or the transport's.
pub(crate) fn extensions(
    rng: &mut Rng,
    protocol: u8,
    behind: Vec<u8>,
    census: &mut Census,
) -> (u8, Vec<u8>) {
    let count = match rng.below(10) {
        0..5 => 0,
        5..9 => 1 + rng.below(3),
        _ => 7 + rng.below(4),
    };
    match count {
        0 => {}
        1..=3 => census.count("IPv6 1 to 3 extensions"),
        _ => census.count("IPv6 7 to 10 extensions"),
    }
    let (mut next, mut rest) = (protocol, behind);
    // Of one harmless kind, or of all.
    let kinds: &[u8] = if rng.one_in(2) {
        &[60]
    } else {
        &[43, 60, 60, FRAGMENT, AUTHENTICATION, 135, 139, 140]
    };
    for left in (0..count).rev() {
        // Hop-by-hop options belong in front; once in a while they stand elsewhere.
        let kind = if (left == 0 && rng.one_in(3)) || rng.one_in(40) {
            0
        } else {
            rng.pick(kinds)
        };
        census.count(match kind {
            0 => "hop-by-hop options",
            43 => "routing",
            60 => "destination options",
            FRAGMENT => "fragment header",
            AUTHENTICATION => "authentication",
            _ => "mobility, HIP or shim6",
        });
        let mut header = extension(rng, kind, next, census);
        header.append(&mut rest);
        rest = header;
        next = kind;
    }
    (next, rest)
}

fn extension(rng: &mut Rng, kind: u8, next: u8, census: &mut Census) -> Vec<u8> {
    if kind == FRAGMENT {
        let mut header = noise(rng, 8);
        header[0] = next;
        let offset = if rng.one_in(3) {
            rng.any() as u16
        } else {
            rng.below(2) as u16
        };
        header[2..4].copy_from_slice(&offset.to_be_bytes());
        return header;
    }
    let units = if rng.one_in(5) { rng.below(4) } else { 0 } as usize;
    if units > 0 {
        census.count("longer extension");
    }
    let (units, length) = if kind == AUTHENTICATION {
        (units + 1, (units + 1) * 4 + 8)
    } else {
        (units, units * 8 + 8)
    };
    let mut header = noise(rng, length);
    header[0] = next;
    header[1] = if rng.one_in(20) {
        rng.any() as u8
    } else {
        units as u8
    };
    header
}
