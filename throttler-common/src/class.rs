//! What a source resolves to, and the word that keeps the answer in its slot.
//!
//! Resolving needs a trie lookup; a known source must not pay for it. So the answer lies in the slot
//! as one word: generation, kind, plan and end together, read and written at once. No reader can see
//! the plan of one generation with the end of another.

use crate::abi::{ClassChain, MAX_CLASS_STEPS, UNTIL_SHIFT, chain_flag};

/// The kinds of class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A plan; plan 0 is "no plan": the scope's own limits.
    Plan = 0,
    /// Everything passes.
    Exempt = 1,
    /// Everything is dropped.
    Block = 2,
    /// The source holds addresses of several classes: each packet resolves its own.
    Mixed = 3,
}

impl Kind {
    /// From the two bits of a word or the code of a [`crate::abi::ClassStep`].
    #[inline(always)]
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        match bits & 3 {
            0 => Self::Plan,
            1 => Self::Exempt,
            2 => Self::Block,
            _ => Self::Mixed,
        }
    }
}

const TAG_BITS: u32 = 20;
const TAG_PERIOD: u32 = (1 << TAG_BITS) - 1;
const KIND_SHIFT: u32 = TAG_BITS;
const PLAN_SHIFT: u32 = KIND_SHIFT + 2;
const UNTIL_AT: u32 = PLAN_SHIFT + 10;

/// An [`Word::age`] from which on the word is of a later generation instead: up to 64 may have been
/// published while a packet was under way.
pub const NEWER: u32 = TAG_PERIOD - 64;

/// The tag of a generation: 1 to 2^20 - 1, never 0, so that an empty slot matches none.
#[inline(always)]
#[must_use]
pub const fn tag(generation: u32) -> u32 {
    generation % TAG_PERIOD + 1
}

/// A class as a slot keeps it: tag (20 bits), kind (2), plan (10), end (32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word(pub u64);

impl Word {
    /// Packs the parts. `tag` is below 2^20, `plan` below 2^10, `until` in units of 2^28 ns, 0: none.
    #[inline(always)]
    #[must_use]
    pub const fn new(tag: u32, kind: Kind, plan: u16, until: u32) -> Self {
        Self(
            (tag & TAG_PERIOD) as u64
                | (kind as u64) << KIND_SHIFT
                | ((plan & 0x3ff) as u64) << PLAN_SHIFT
                | (until as u64) << UNTIL_AT,
        )
    }

    /// The tag of the generation that it was resolved in; 0: never resolved.
    #[inline(always)]
    #[must_use]
    pub const fn tag(self) -> u32 {
        self.0 as u32 & TAG_PERIOD
    }

    /// Its kind.
    #[inline(always)]
    #[must_use]
    pub const fn kind(self) -> Kind {
        Kind::from_bits((self.0 >> KIND_SHIFT) as u8)
    }

    /// Its plan; 0: none.
    #[inline(always)]
    #[must_use]
    pub const fn plan(self) -> u16 {
        (self.0 >> PLAN_SHIFT) as u16 & 0x3ff
    }

    /// Its end in units of 2^28 ns of monotonic time; 0: none.
    #[inline(always)]
    #[must_use]
    pub const fn until(self) -> u32 {
        (self.0 >> UNTIL_AT) as u32
    }

    /// The plan of a block that keeps no way in the table: the canary's. No other block has a plan.
    pub const UNKEPT: u16 = 0x3ff;

    /// Whether it is such a block.
    #[inline(always)]
    #[must_use]
    pub const fn is_unkept(self) -> bool {
        self.0 >> KIND_SHIFT & 0xfff == Kind::Block as u64 | (Self::UNKEPT as u64) << 2
    }

    /// Whether it still says what the policy of `tag` says at `now` (monotonic nanoseconds).
    #[inline(always)]
    #[must_use]
    pub const fn holds(self, tag: u32, now: u64) -> bool {
        self.tag() == tag && !ended(self.until(), now)
    }

    /// Generations between the one that it was resolved in and `tag`, modulo 2^20 - 1.
    #[inline(always)]
    #[must_use]
    pub const fn age(self, tag: u32) -> u32 {
        let mine = self.tag();
        if tag >= mine {
            tag - mine
        } else {
            tag + TAG_PERIOD - mine
        }
    }
}

/// Whether an end in units of 2^28 ns lies at or before `now`; 0 never ends.
#[inline(always)]
#[must_use]
pub const fn ended(until: u32, now: u64) -> bool {
    until != 0 && now >> UNTIL_SHIFT >= until as u64
}

/// The coarse end for a fine one: never before it, at most 0.27 s after it, and never 0.
#[must_use]
pub fn until_units(nanos: u64) -> u32 {
    let units = nanos.div_ceil(1 << UNTIL_SHIFT).max(1);
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// The class that a chain gives at `now`: that of its first rule that has not ended.
#[inline(always)]
#[must_use]
pub fn resolve(chain: Option<&ClassChain>, tag: u32, now: u64) -> Word {
    let Some(chain) = chain else {
        return Word::new(tag, Kind::Plan, 0, 0);
    };
    if chain.flags & chain_flag::MIXED != 0 {
        return Word::new(tag, Kind::Mixed, 0, 0);
    }
    resolve_steps(chain, tag, now)
}

/// As [`resolve`], for a packet's full address: a chain's mark of being mixed does not count.
#[inline(always)]
#[must_use]
pub fn resolve_steps(chain: &ClassChain, tag: u32, now: u64) -> Word {
    let mut i = 0;
    while i < MAX_CLASS_STEPS {
        let step = &chain.steps[i];
        if !ended(step.until, now) {
            return Word::new(tag, Kind::from_bits(step.kind), step.plan, step.until);
        }
        i += 1;
    }
    Word::new(tag, Kind::Plan, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::ClassStep;

    #[test]
    fn a_word_keeps_its_parts_apart() {
        for (tag, kind, plan, until) in [
            (1, Kind::Plan, 0, 0),
            (0xfffff, Kind::Mixed, 1023, u32::MAX),
            (77, Kind::Block, 5, 9),
        ] {
            let word = Word::new(tag, kind, plan, until);
            assert_eq!(
                (word.tag(), word.kind(), word.plan(), word.until()),
                (tag, kind, plan, until)
            );
        }
    }

    #[test]
    fn a_word_holds_in_its_generation_until_its_end() {
        let word = Word::new(tag(4), Kind::Block, 0, 3);
        assert!(word.holds(tag(4), (3 << UNTIL_SHIFT) - 1));
        assert!(!word.holds(tag(4), 3 << UNTIL_SHIFT));
        assert!(!word.holds(tag(5), 0));
        assert!(
            !Word::default().holds(tag(0), 0),
            "an empty slot matches no generation"
        );
    }

    #[test]
    fn ages_count_generations_across_the_wrap_of_the_tag() {
        let word = Word::new(tag(TAG_PERIOD - 1), Kind::Plan, 0, 0);
        assert_eq!(word.age(tag(TAG_PERIOD - 1)), 0);
        assert_eq!(word.age(tag(TAG_PERIOD + 2)), 3);
    }

    #[test]
    fn a_chain_falls_back_when_its_first_rule_ends() {
        let block = ClassStep {
            until: 2,
            kind: Kind::Block as u8,
            ..ClassStep::default()
        };
        let pro = ClassStep {
            plan: 7,
            ..ClassStep::default()
        };
        let mut chain = ClassChain::default();
        chain.steps[0] = block;
        chain.steps[1] = pro;
        assert_eq!(resolve(Some(&chain), 1, 0).kind(), Kind::Block);
        let later = resolve(Some(&chain), 1, 2 << UNTIL_SHIFT);
        assert_eq!((later.kind(), later.plan()), (Kind::Plan, 7));
        chain.flags = chain_flag::MIXED;
        assert_eq!(resolve(Some(&chain), 1, 0).kind(), Kind::Mixed);
    }

    #[test]
    fn coarse_ends_are_never_early() {
        assert_eq!(until_units(0), 1);
        assert_eq!(until_units(1 << UNTIL_SHIFT), 1);
        assert_eq!(until_units((1 << UNTIL_SHIFT) + 1), 2);
    }
}
