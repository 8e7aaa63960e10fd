//! Damage: what a generator of right frames would never make.

use crate::harness::Rng;

/// Headers end before this in all but the longest frames; damage behind is damage to payload.
const HEADERS: u64 = 96;
/// What the kernel keeps of a test run's input in one buffer: a page less head room (256), the bookkeeping at its end
/// (320) and the time (8). Frames stay below, for a header in a second buffer is out of the program's reach by design.
const LONGEST: usize = 4_096 - 256 - 320 - 8;

/// Damages the frame in one to four places.
pub(crate) fn mutate(rng: &mut Rng, frame: &mut Vec<u8>) {
    for _ in 0..=rng.below(4) {
        if frame.is_empty() {
            return;
        }
        let length = frame.len() as u64;
        let at = if rng.one_in(4) {
            rng.below(length)
        } else {
            rng.below(length.min(HEADERS))
        } as usize;
        match rng.below(8) {
            0 | 1 => frame[at] = rng.any() as u8,
            2 | 3 => frame[at] ^= 1 << rng.below(8),
            4 => frame[at] = rng.pick(&[0, 1, 4, 5, 6, 17, 44, 0x40, 0x60, 0x7f, 0x80, 0xff]),
            5 => frame.truncate(at),
            6 => {
                let more = rng.below(200);
                frame.extend((0..more).map(|_| rng.any() as u8));
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
            }
        }
    }
    frame.truncate(LONGEST);
}
