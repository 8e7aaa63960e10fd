//! Frames: structured ones over random headers, of which some are then damaged.

use crate::census::Census;
use crate::harness::{REACH, Rng, can_split};
use crate::headers::{extensions, transport};
use crate::mutate::{HEADERS, mutate};
use crate::policy::{SOURCES_V4, SOURCES_V6, TO_V4, TO_V6};

/// What a test run takes at least, without the time.
pub(crate) const SHORTEST: usize = 14;

/// The next frame.
pub(crate) fn frame(rng: &mut Rng, census: &mut Census) -> Vec<u8> {
    let mut frame = vec![0x02; 12];
    let tags = match rng.below(20) {
        0..14 => 0,
        14..18 => 1,
        18 => 2,
        _ => rng.below(7),
    };
    match tags {
        0 => {}
        1 => census.count("1 tag"),
        2 => census.count("2 tags"),
        3 | 4 => census.count("3 or 4 tags"),
        _ => census.count("5 tags or more"),
    }
    for _ in 0..tags {
        let kind: u16 = rng.pick(&[0x8100, 0x8100, 0x88a8, 0x9100]);
        frame.extend(kind.to_be_bytes());
        frame.extend((rng.any() as u16).to_be_bytes());
    }
    // Behind the EtherType.
    let network = frame.len() + 2;
    match rng.below(20) {
        0..10 => ipv4(rng, &mut frame, census),
        10..19 => ipv6(rng, &mut frame, census),
        _ => other(rng, &mut frame, census),
    }
    if rng.one_in(4) {
        // The padding of short frames, or a trailer.
        census.count("padding");
        let padding = rng.below(46) as usize;
        frame.resize(frame.len() + padding, rng.pick(&[0, 0xff]));
    }
    if rng.below(10) < 4 {
        mutate(rng, &mut frame, network, census);
    } else {
        census.count("no damage");
    }
    if frame.len() < SHORTEST {
        frame.resize(SHORTEST, 0);
    }
    frame
}

/// The next frame, and how much of it is in reach: where the kernel can choose, one in six ends its first buffer among
/// the headers.
pub(crate) fn frame_of_buffers(rng: &mut Rng, census: &mut Census) -> (Vec<u8>, usize) {
    let frame = frame(rng, census);
    if frame.len() > REACH {
        census.count("several buffers");
    }
    let mut reach = REACH.min(frame.len());
    if can_split() && rng.one_in(6) {
        let end = (frame.len() as u64).min(HEADERS);
        reach = (SHORTEST as u64 + rng.below(end + 1 - SHORTEST as u64)) as usize;
        if reach < frame.len() {
            census.count("reach ends in headers");
        }
    }
    (frame, reach)
}

fn ipv4(rng: &mut Rng, frame: &mut Vec<u8>, census: &mut Census) {
    census.count("IPv4");
    let (protocol, behind) = transport(rng, true, census);
    let words = if rng.one_in(6) {
        census.count("IPv4 options");
        5 + rng.below(11) as usize
    } else {
        5
    };
    let mut header = vec![1; words * 4];
    header[0] = 0x40 | words as u8;
    let length = (words * 4 + behind.len()) as u16;
    header[2..4].copy_from_slice(&length.to_be_bytes());
    header[4..6].fill(0);
    let fragment: u16 = match rng.below(10) {
        0 => rng.any() as u16,
        1 => 0x2000,
        2 => 0x4000,
        _ => 0,
    };
    header[6..8].copy_from_slice(&fragment.to_be_bytes());
    match fragment & 0x3fff {
        0 => {}
        0x2000 => census.count("IPv4 first fragment"),
        _ => census.count("IPv4 later fragment"),
    }
    header[8] = 64;
    header[9] = protocol;
    let mut source = rng.pick(&SOURCES_V4);
    if rng.one_in(6) {
        // A neighbour, within or beyond the source's prefix.
        source[3] = rng.any() as u8;
    }
    header[12..16].copy_from_slice(&source);
    header[16..20].copy_from_slice(&rng.pick(&TO_V4));
    frame.extend(0x0800_u16.to_be_bytes());
    frame.extend(header);
    frame.extend(behind);
}

fn ipv6(rng: &mut Rng, frame: &mut Vec<u8>, census: &mut Census) {
    census.count("IPv6");
    let (protocol, behind) = transport(rng, false, census);
    let (next, behind) = extensions(rng, protocol, behind, census);
    let mut header = vec![0x60, rng.any() as u8, 0, 0];
    // A jumbogram's length, once in a while.
    let claimed = if rng.one_in(30) {
        census.count("IPv6 jumbogram");
        0
    } else {
        behind.len() as u16
    };
    header.extend(claimed.to_be_bytes());
    header.extend([next, 64]);
    let (high, mut low) = rng.pick(&SOURCES_V6);
    if rng.one_in(6) {
        low = rng.any();
    }
    header.extend(high.to_be_bytes());
    header.extend(low.to_be_bytes());
    let (high, low) = rng.pick(&TO_V6);
    header.extend(high.to_be_bytes());
    header.extend(low.to_be_bytes());
    frame.extend(0x86dd_u16.to_be_bytes());
    frame.extend(header);
    frame.extend(behind);
}

fn other(rng: &mut Rng, frame: &mut Vec<u8>, census: &mut Census) {
    census.count("no IP");
    let kind: u16 = rng.pick(&[0x0806, 0x88cc, 0x8864, 0x0800, 0x86dd, 46]);
    frame.extend(kind.to_be_bytes());
    let length = rng.below(60);
    frame.extend((0..length).map(|_| rng.any() as u8));
}
