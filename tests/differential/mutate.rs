//! Damage: what a generator of right frames would never make.

use crate::census::Census;
use crate::harness::Rng;

/// Headers end before this in all but the longest frames; damage behind is damage to payload.
pub(crate) const HEADERS: u64 = 96;
/// Damaged frames stay below what a device with jumbo frames would bring.
const LONGEST: usize = 9_600;

/// Damages the frame in one to four places; its network header is at `network`.
pub(crate) fn mutate(rng: &mut Rng, frame: &mut Vec<u8>, network: usize, census: &mut Census) {
    let times = rng.below(4);
    if times > 0 {
        census.count("several damages");
    }
    for _ in 0..=times {
        if frame.is_empty() {
            return;
        }
        census.count(damage(rng, frame, network));
    }
    frame.truncate(LONGEST);
}

fn damage(rng: &mut Rng, frame: &mut Vec<u8>, network: usize) -> &'static str {
    let length = frame.len() as u64;
    let at = if rng.one_in(4) {
        rng.below(length)
    } else {
        rng.below(length.min(HEADERS))
    } as usize;
    match rng.below(9) {
        0 | 1 => {
            frame[at] = rng.any() as u8;
            "byte changed"
        }
        2 | 3 => {
            frame[at] ^= 1 << rng.below(8);
            "bit flipped"
        }
        4 => {
            frame[at] = rng.pick(&[0, 1, 4, 5, 6, 17, 44, 0x40, 0x60, 0x7f, 0x80, 0xff]);
            "telling byte"
        }
        5 => {
            frame.truncate(at);
            "cut"
        }
        6 => {
            let more = rng.below(200);
            frame.extend((0..more).map(|_| rng.any() as u8));
            "extended"
        }
        7 => {
            lengths(rng, frame, network);
            "length changed"
        }
        // A piece of the frame in the place of another: headers where none belong.
        _ => {
            let piece: Vec<u8> = frame[at..]
                .iter()
                .copied()
                .take(rng.below(40) as usize)
                .collect();
            let to = rng.below(length) as usize;
            frame.splice(to..to, piece);
            "spliced"
        }
    }
}

/// A length a little off: of the packet, of its header, or of an extension header or transport header behind.
fn lengths(rng: &mut Rng, frame: &mut [u8], network: usize) {
    let off = rng.pick(&[1, 2, 4, 8, 20, 255]);
    let off = if rng.one_in(2) { off } else { -off };
    let six = frame.get(network).is_some_and(|byte| byte >> 4 == 6);
    let (low, header) = if six { (5, 41) } else { (3, 0) };
    match rng.below(4) {
        0 | 1 => {
            if let Some(field) = frame.get_mut(network + low - 1..=network + low) {
                let old = i32::from(u16::from_be_bytes([field[0], field[1]]));
                field.copy_from_slice(&((old + off) as u16).to_be_bytes());
            }
        }
        2 => {
            if let Some(byte) = frame.get_mut(network + header) {
                // IPv4: the lower half counts words. IPv6: the first extension header's units.
                *byte = byte.wrapping_add(off as u8 & 0x0f);
            }
        }
        // A datagram's length, without options or extension headers before it.
        _ => {
            if let Some(byte) = frame.get_mut(network + if six { 45 } else { 25 }) {
                *byte = byte.wrapping_add(off as u8);
            }
        }
    }
}
