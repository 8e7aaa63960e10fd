//! What the table promises, kept the slow way: everything known of every source, and of who may be
//! displaced.

use std::collections::BTreeMap;

use throttler_common::abi::{LimitParams, SEEN_SHIFT};
use throttler_common::ban::moment;
use throttler_common::gcra;

use crate::host::Key;

/// 2^38 ns: how long a source that was seen twice keeps its way.
pub(crate) const KEPT: u64 = 1 << 38;

/// What is known of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    seen: u64,
    twice: bool,
    tat: u64,
    banned_until: u64,
    pub(crate) passed: u64,
    pub(crate) dropped: u64,
}

/// Everybody who has a way.
#[derive(Debug, Default)]
pub(crate) struct Model(pub(crate) BTreeMap<Key, Known>);

impl Known {
    /// Whether a newcomer may have its way.
    pub(crate) fn may_go(&self, now: u64) -> bool {
        let units = |nanos: u64| nanos >> SEEN_SHIFT;
        let known = self.twice && units(now) - units(self.seen) < units(KEPT);
        !known && self.tat <= gcra::ticks(now) && self.banned_until <= moment(now)
    }

    /// A packet's charge; whether it is admitted.
    pub(crate) fn charge(&mut self, limit: &LimitParams, now: u64) -> bool {
        let now = gcra::ticks(now);
        let next = self.tat.max(now) + limit.increment;
        let admitted = next - now <= limit.depth;
        if admitted {
            self.tat = next;
            self.passed += 1;
        } else {
            self.dropped += 1;
        }
        admitted
    }

    pub(crate) fn ban(&mut self, until: u64) {
        self.banned_until = until;
    }

    pub(crate) fn tat(&self) -> u64 {
        self.tat
    }
}

impl Model {
    /// A packet of a source that has a way; whether it has one.
    pub(crate) fn see(&mut self, key: Key, now: u64) -> bool {
        let Some(known) = self.0.get_mut(&key) else {
            return false;
        };
        known.seen = known.seen.max(now);
        known.twice = true;
        true
    }

    /// A way is given to a source.
    pub(crate) fn give(&mut self, key: Key, now: u64) {
        let known = Known {
            seen: now,
            ..Known::default()
        };
        assert!(self.0.insert(key, known).is_none(), "{key:?} has a way");
    }
}
