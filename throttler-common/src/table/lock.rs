//! The set's lock.

use super::words::Words;
use super::{header, layout};

/// Attempts at the lock. It is held for some hundred nanoseconds at most; an attempt is a load.
pub const SPINS: usize = 256;

/// Takes the set's lock; whether it was got.
#[inline(always)]
pub fn lock<W: Words>(set: &W) -> bool {
    let mut spin = 0;
    while spin < W::SPINS {
        let found = set.load(layout::header(0));
        if found & header::LOCK == 0
            && set.compare_exchange(layout::header(0), found, found | header::LOCK)
        {
            return true;
        }
        spin += 1;
    }
    false
}

/// Gives it back. The bit is set, and so a subtraction clears it, whatever else changes in the word.
#[inline(always)]
pub fn unlock<W: Words>(set: &W) {
    set.add(layout::header(0), header::LOCK.wrapping_neg());
}
