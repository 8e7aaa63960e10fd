//! Which word of a set is what. A set is sixteen cache lines: its headers in the first, then a line a
//! way of what every packet reads, then the tallies (two ways a line), then the record of refusals
//! (three words a way). A passing packet touches three: header, own line, tally.

use crate::abi::{MAX_LIMITS, WAYS};

const OWN: usize = WAYS;
const OWN_WORDS: usize = 8;
const TALLY: usize = OWN + WAYS * OWN_WORDS;
const TALLY_WORDS: usize = 4;
const CONDUCT: usize = TALLY + WAYS * TALLY_WORDS;
const CONDUCT_WORDS: usize = 3;

const _: () = assert!(CONDUCT + WAYS * CONDUCT_WORDS <= crate::abi::SET_WORDS);

/// The header of a way: [`super::header`].
#[inline(always)]
#[must_use]
pub const fn header(way: usize) -> usize {
    way
}

/// Word 0 or 1 of the source's address.
#[inline(always)]
#[must_use]
pub const fn address(way: usize, word: usize) -> usize {
    OWN + way * OWN_WORDS + word
}

/// The resolved class: a [`crate::class::Word`].
#[inline(always)]
#[must_use]
pub const fn class(way: usize) -> usize {
    OWN + way * OWN_WORDS + 2
}

/// The latest ban: a [`crate::ban::Ban`].
#[inline(always)]
#[must_use]
pub const fn ban(way: usize) -> usize {
    OWN + way * OWN_WORDS + 3
}

/// Theoretical arrival time of limit `index` (below 4), in ticks.
#[inline(always)]
#[must_use]
pub const fn tat(way: usize, index: usize) -> usize {
    OWN + way * OWN_WORDS + 4 + (index & (MAX_LIMITS - 1))
}

/// Packets that passed; their bytes are the next word.
#[inline(always)]
#[must_use]
pub const fn passed(way: usize) -> usize {
    TALLY + way * TALLY_WORDS
}

/// Packets that were dropped; their bytes are the next word.
#[inline(always)]
#[must_use]
pub const fn dropped(way: usize) -> usize {
    TALLY + way * TALLY_WORDS + 2
}

/// Refusals in the current window: a [`crate::ban::Strikes`].
#[inline(always)]
#[must_use]
pub const fn strikes(way: usize) -> usize {
    CONDUCT + way * CONDUCT_WORDS
}

/// Time of the last event (40 bits of 2^20 ns), and how many refusals it and those before it told of
/// (their lowest 24 bits).
#[inline(always)]
#[must_use]
pub const fn event(way: usize) -> usize {
    CONDUCT + way * CONDUCT_WORDS + 1
}

/// Refusals, also those that monitor mode let pass.
#[inline(always)]
#[must_use]
pub const fn refused(way: usize) -> usize {
    CONDUCT + way * CONDUCT_WORDS + 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::SET_WORDS;

    #[test]
    fn every_word_has_one_use_and_what_passes_straddles_no_line() {
        let mut used = [false; SET_WORDS];
        let mut take = |first: usize, words: usize| {
            assert_eq!(first / 8, (first + words - 1) / 8, "{first} straddles");
            for taken in &mut used[first..first + words] {
                assert!(!core::mem::replace(taken, true), "{first} is taken");
            }
        };
        for way in 0..WAYS {
            take(header(way), 1);
            take(address(way, 0), 2);
            take(class(way), 1);
            take(ban(way), 1);
            take(tat(way, 0), MAX_LIMITS);
            take(passed(way), 2);
            take(dropped(way), 2);
            take(strikes(way), 1);
            take(event(way), 1);
            take(refused(way), 1);
        }
        assert!(used.iter().all(|used| *used));
    }
}
