//! Which limit refuses a packet, and for how long; as one word for the kernel's calls between functions.

use crate::abi::NO_LIMIT;

/// Why a packet was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Index of the limit; with [`crate::abi::LAYER_LIMIT`] of the layer, with [`crate::abi::GLOBAL_LIMIT`] of the `global`
    /// limits; [`NO_LIMIT`] where the attempts ran out.
    pub limit: u8,
    /// Nanoseconds from [`crate::clock::Clock::coarse`] until one more such packet conforms, rounded up: at least 1
    /// where a limit refused.
    pub wait: u64,
}

impl Refused {
    /// Other CPUs used the bucket, or took it, in all attempts.
    pub const CONTENDED: Self = Self {
        limit: NO_LIMIT,
        wait: 0,
    };

    /// The same of a limit of another kind: [`crate::abi::LAYER_LIMIT`] or [`crate::abi::GLOBAL_LIMIT`].
    #[inline(always)]
    #[must_use]
    pub const fn of(self, kind: u8) -> Self {
        match self.limit {
            NO_LIMIT => self,
            limit => Self {
                limit: limit | kind,
                wait: self.wait,
            },
        }
    }

    #[inline(always)]
    #[must_use]
    pub(crate) const fn later(self, nanos: u64) -> Self {
        Self {
            limit: self.limit,
            wait: self.wait + nanos,
        }
    }
}

/// A result in one word, for the kernel's calls between functions: 0 is admitted.
#[inline(always)]
#[must_use]
pub const fn encode(result: Result<(), Refused>) -> u64 {
    match result {
        Ok(()) => 0,
        // A wait is at most a cost: of 65,575 bytes at one in 1000 s, below 2^56 ns. The shift loses nothing.
        Err(refused) => refused.wait << 8 | refused.limit as u64 | REFUSED,
    }
}

/// Keeps a refusal by limit 0 without a wait apart from 0; no limit's index or kind has this bit but
/// [`NO_LIMIT`], which has all.
const REFUSED: u64 = 0x20;

/// The other way.
///
/// # Errors
/// What was encoded.
#[inline(always)]
pub const fn decode(word: u64) -> Result<(), Refused> {
    match word {
        0 => Ok(()),
        _ => Err(Refused {
            limit: if word as u8 == NO_LIMIT {
                NO_LIMIT
            } else {
                (word & !REFUSED) as u8
            },
            wait: word >> 8,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::{GLOBAL_LIMIT, LAYER_LIMIT, MAX_LIMITS};

    #[test]
    fn a_result_survives_being_one_word() {
        assert_eq!(decode(encode(Ok(()))), Ok(()));
        for wait in [0, 1, 1 << 55] {
            for limit in 0..MAX_LIMITS as u8 {
                for kind in [0, LAYER_LIMIT, GLOBAL_LIMIT] {
                    let refused = Refused { limit, wait }.of(kind);
                    assert_eq!(refused.limit, limit | kind);
                    assert_eq!(decode(encode(Err(refused))), Err(refused));
                }
            }
        }
        let contended = Refused::CONTENDED.of(LAYER_LIMIT);
        assert_eq!(decode(encode(Err(contended))), Err(Refused::CONTENDED));
    }
}
