//! One source's state in one scope, made readable. What it says is computed where it is written: an entry
//! takes no memory of its own.

use throttler_common::abi::{LimitParams, SlotRecord};
use throttler_common::ban::{Ban, MOMENT_SHIFT};
use throttler_common::class::{Kind, Word};
use throttler_common::gcra::{self, ticks};

use super::digits;
use super::names::{LimitText, Names};

/// A source's bucket, or its parent prefix's.
pub(super) struct Bucket<'a> {
    pub(super) names: &'a Names,
    /// 0: IPv4, 1: IPv6.
    pub(super) family: usize,
    /// Length of the source's prefix.
    pub(super) bits: u32,
    /// A parent prefix, not a source.
    pub(super) parent: bool,
    pub(super) word: Word,
    /// The limits that hold for it.
    pub(super) limits: &'a [LimitText],
    pub(super) record: SlotRecord,
    /// Whether it was ever seen.
    pub(super) seen: bool,
    /// Monotonic nanoseconds.
    pub(super) now: u64,
}

/// How a limit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Level {
    /// Whole units available.
    pub(super) remaining: u64,
    /// Nanoseconds until the bucket is full.
    pub(super) reset: u64,
    /// Nanoseconds until one more unit conforms.
    pub(super) retry: u64,
}

impl Level {
    /// `now` is in monotonic nanoseconds.
    pub(super) fn of(params: &LimitParams, tat: u64, now: u64) -> Self {
        let now = ticks(now);
        // No arrival time lies further ahead than any burst; a damaged one must not wrap.
        let tat = tat.min(now.saturating_add(1 << 62));
        Self {
            remaining: gcra::remaining(params, tat, now),
            reset: gcra::nanos_ceil(gcra::reset(tat, now)),
            retry: gcra::nanos_ceil(gcra::retry_after(params, tat, now)),
        }
    }
}

impl Bucket<'_> {
    pub(super) fn level(&self, limit: &LimitText) -> Level {
        let index = usize::from(limit.described.index) % self.record.tat.len();
        Level::of(&limit.params, self.record.tat[index], self.now)
    }

    /// The name of its class.
    pub(super) fn class(&self) -> &'static str {
        match (self.parent, self.word.kind(), self.word.plan()) {
            (true, _, _) => "parent",
            (false, Kind::Exempt, _) => "exempt",
            (false, Kind::Block, _) => "block",
            (false, Kind::Mixed, _) => "mixed",
            (false, Kind::Plan, 0) => "default",
            (false, Kind::Plan, _) => "plan",
        }
    }

    pub(super) fn source(&self, out: &mut Vec<u8>) {
        digits::prefix(out, self.family, self.record.addr, self.bits);
    }

    /// Nanoseconds that its ban still lasts.
    pub(super) fn banned_for(&self) -> u64 {
        banned_for(Ban(self.record.ban), self.now)
    }

    /// Nanoseconds since its last packet; `None`: never.
    pub(super) fn last_seen(&self) -> Option<u64> {
        self.seen
            .then(|| self.now.saturating_sub(self.record.last_seen))
    }
}

/// Nanoseconds that a ban still lasts.
pub(super) fn banned_for(ban: Ban, now: u64) -> u64 {
    (ban.until() << MOMENT_SHIFT).saturating_sub(now)
}
