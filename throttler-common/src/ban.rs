//! Bans that the datapath gives: refusals in a window make one, each doubles, and time forgives.

/// Times of bans and refusals are kept in units of 2^20 ns (1.05 ms): 40 bits last 36 years.
pub const MOMENT_SHIFT: u32 = 20;
/// Bits of a count beside a time.
pub const COUNT_BITS: u32 = 24;
/// Their mask.
pub const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
/// At least a second between any times that lie so many moments apart, each rounded down.
pub const SECOND: u64 = 955;

/// Monotonic nanoseconds in moments, rounded down.
#[inline(always)]
#[must_use]
pub const fn moment(nanos: u64) -> u64 {
    nanos >> MOMENT_SHIFT
}

/// Moments for a duration, rounded up: never shorter.
#[must_use]
pub const fn moments(nanos: u64) -> u64 {
    nanos.div_ceil(1 << MOMENT_SHIFT)
}

/// Refusals since a time: time (40 bits of moments), count (24 bits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Strikes(pub u64);

impl Strikes {
    /// Packs.
    #[inline(always)]
    #[must_use]
    pub const fn new(since: u64, count: u64) -> Self {
        Self(since << COUNT_BITS | count & COUNT_MASK)
    }

    /// When the window began.
    #[inline(always)]
    #[must_use]
    pub const fn since(self) -> u64 {
        self.0 >> COUNT_BITS
    }

    /// Refusals in it.
    #[inline(always)]
    #[must_use]
    pub const fn count(self) -> u64 {
        self.0 & COUNT_MASK
    }

    /// One more at `at`: in this window while it lasts, else the first of a new one. A window begins with
    /// its first refusal, so that a source is never banned for fewer refusals than asked for in the time
    /// asked for, and always where its refusals keep above that rate.
    #[inline(always)]
    #[must_use]
    pub const fn and_one(self, at: u64, within: u64) -> Self {
        if self.count() == 0 || at >= self.since() + within {
            Self::new(at, 1)
        } else if self.count() == COUNT_MASK {
            self
        } else {
            Self(self.0 + 1)
        }
    }
}

/// A ban: its end (40 bits of moments), then a mark that its end is still to be told of, then how many
/// there have been (8 bits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ban(pub u64);

/// How long bans last, in moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The first.
    pub first: u64,
    /// The longest; also the time without a ban that takes one doubling back.
    pub longest: u64,
}

impl Ban {
    const UNTOLD: u64 = 1 << 8;
    const FRESH: u64 = 1 << 9;
    const TIMES: u64 = 0xff;

    /// A ban until a moment.
    #[inline(always)]
    #[must_use]
    pub const fn new(until: u64, times: u64) -> Self {
        Self(until << COUNT_BITS | Self::UNTOLD | times & Self::TIMES)
    }

    /// Its end, in moments.
    #[inline(always)]
    #[must_use]
    pub const fn until(self) -> u64 {
        self.0 >> COUNT_BITS
    }

    /// How many there have been, less those forgiven; at most 255.
    #[inline(always)]
    #[must_use]
    pub const fn times(self) -> u64 {
        self.0 & Self::TIMES
    }

    /// Whether it holds.
    #[inline(always)]
    #[must_use]
    pub const fn is_on(self, at: u64) -> bool {
        self.until() > at
    }

    /// Whether it is over and nobody has been told.
    #[inline(always)]
    #[must_use]
    pub const fn is_over_untold(self, at: u64) -> bool {
        self.0 & Self::UNTOLD != 0 && !self.is_on(at)
    }

    /// The same with a mark that no earlier one was on within the time that counts for a wider ban. For
    /// the answer of a function alone; never kept.
    #[inline(always)]
    #[must_use]
    pub const fn fresh(self) -> Self {
        Self(self.0 | Self::FRESH)
    }

    /// Whether it has that mark.
    #[inline(always)]
    #[must_use]
    pub const fn is_fresh(self) -> bool {
        self.0 & Self::FRESH != 0
    }

    /// The same, told of.
    #[inline(always)]
    #[must_use]
    pub const fn told(self) -> Self {
        Self(self.0 & !Self::UNTOLD)
    }

    /// The same, ended at `at` by whoever takes it back, who tells of it. It still counts: the next is twice as long.
    #[must_use]
    pub const fn lifted(self, at: u64) -> Self {
        Self::new(at, self.times()).told()
    }

    /// The ban that follows this one, given at `at`: twice as long as the one before, at most the longest.
    #[inline(always)]
    #[must_use]
    pub const fn next(self, at: u64, terms: Terms) -> Self {
        let mut times = self.times();
        let mut forgiven = self.until() + terms.longest;
        let mut step = 0;
        while step < Self::TIMES {
            if times == 0 || forgiven > at {
                break;
            }
            times -= 1;
            forgiven += terms.longest;
            step += 1;
        }
        // 366 days are 2^35 moments: 28 doublings do not overflow, and a millisecond's are above any
        // longest ban by then or held by it.
        let doubled = if times < 28 {
            terms.first << (times & 31)
        } else {
            terms.longest
        };
        let length = if doubled < terms.longest {
            doubled
        } else {
            terms.longest
        };
        let next = if times < Self::TIMES {
            times + 1
        } else {
            times
        };
        // A moment more: `at` was rounded down.
        Self::new(at + length + 1, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: Terms = Terms {
        first: 60,
        longest: 3600,
    };

    #[test]
    fn a_window_begins_with_its_first_refusal() {
        let mut strikes = Strikes::new(5, 0);
        for count in 1..=10 {
            strikes = strikes.and_one(100 + count, 10);
            assert_eq!((strikes.since(), strikes.count()), (101, count));
        }
        strikes = strikes.and_one(111, 10);
        assert_eq!((strikes.since(), strikes.count()), (111, 1));
        let full = Strikes::new(7, COUNT_MASK);
        assert_eq!(full.and_one(8, 10), full, "the count stops at its end");
    }

    #[test]
    fn bans_double_up_to_the_longest() {
        let (mut ban, mut at) = (Ban::default(), 1000);
        for (times, length) in [(1, 60), (2, 120), (3, 240), (4, 480), (5, 960), (6, 1920)] {
            ban = ban.next(at, TERMS);
            assert_eq!((ban.times(), ban.until() - at), (times, length + 1));
            assert!(ban.is_on(at + length) && !ban.is_on(at + length + 1));
            at = ban.until();
        }
        for times in 7..300 {
            ban = ban.next(at, TERMS);
            assert_eq!((ban.times(), ban.until() - at), (times.min(255), 3601));
            at = ban.until();
        }
    }

    #[test]
    fn time_forgives_a_doubling_at_a_time() {
        let third = Ban::new(1_000, 3);
        let length = |at| third.next(at, TERMS).until() - at - 1;
        assert_eq!(length(1_000 + 3_599), 480);
        assert_eq!(length(1_000 + 3_600), 240);
        assert_eq!(length(1_000 + 7_200), 120);
        assert_eq!(length(1_000 + 36_000), 60);
        assert_eq!(third.next(40_000, TERMS).times(), 1);
    }

    #[test]
    fn the_longest_terms_do_not_overflow() {
        let year = moments(366 * 86_400 * 1_000_000_000);
        let terms = Terms {
            first: year,
            longest: year,
        };
        assert_eq!(Ban::new(0, 255).next(1, terms).until(), 2 + year);
        assert_eq!(Ban::new(0, 27).next(1, terms).until(), 2 + year);
    }

    #[test]
    fn what_is_lifted_is_over_told_of_and_counts() {
        let ban = Ban::default().next(10, TERMS).next(71, TERMS);
        let lifted = ban.lifted(80);
        assert!(ban.is_on(80) && !lifted.is_on(80) && !lifted.is_over_untold(80));
        assert_eq!((lifted.until(), lifted.times()), (80, 2));
        assert_eq!(lifted.next(81, TERMS).until(), 81 + 240 + 1);
    }

    #[test]
    fn an_end_is_told_of_once() {
        let ban = Ban::default().next(10, TERMS);
        assert!(!ban.is_over_untold(70) && ban.is_over_untold(71));
        assert!(!ban.told().is_over_untold(71));
        assert!(!Ban::default().is_over_untold(70));
    }
}
