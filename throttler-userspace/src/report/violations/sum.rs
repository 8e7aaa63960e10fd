//! What is summed up.

use jiff::Timestamp;
use throttler_common::abi::Tally;

use crate::history::Violation;

/// Sums of refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    /// Dropped for the reason itself.
    pub(super) refused: Tally,
    /// What monitor mode let pass that would have been.
    pub(super) spared: Tally,
    /// Dropped since the source was banned.
    pub(super) banned: Tally,
    pub(super) bans: u64,
    /// End of the latest ban, milliseconds since the epoch.
    pub(super) banned_until: Option<i64>,
    /// Bytes are packets times a mean length.
    pub(super) estimated: bool,
    /// Milliseconds since the epoch.
    pub(super) first: i64,
    pub(super) last: i64,
    /// Nanoseconds.
    pub(super) wait: u64,
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            refused: Tally::default(),
            spared: Tally::default(),
            banned: Tally::default(),
            bans: 0,
            banned_until: None,
            estimated: false,
            first: i64::MAX,
            last: i64::MIN,
            wait: 0,
        }
    }
}

impl Sum {
    pub(super) fn of(one: &Violation) -> Self {
        let (refused, spared) = match one.monitored {
            false => (one.refused, Tally::default()),
            true => (Tally::default(), one.refused),
        };
        Self {
            refused,
            spared,
            banned: one.banned,
            bans: one.bans,
            banned_until: one.banned_until,
            estimated: one.estimated,
            first: one.first,
            last: one.last,
            wait: u64::try_from(one.wait.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.refused = both(self.refused, other.refused);
        self.spared = both(self.spared, other.spared);
        self.banned = both(self.banned, other.banned);
        self.bans = self.bans.saturating_add(other.bans);
        self.banned_until = self.banned_until.max(other.banned_until);
        self.estimated |= other.estimated;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.wait = self.wait.max(other.wait);
    }

    /// What was refused or would have been.
    pub(super) fn tried(&self) -> Tally {
        both(self.refused, self.spared)
    }

    /// By how much it is worse than others: packets that did not, or should not have come through, then bytes.
    pub(super) fn badness(&self) -> (u64, u64) {
        let all = both(self.tried(), self.banned);
        (all.packets, all.bytes)
    }
}

pub(super) fn both(a: Tally, b: Tally) -> Tally {
    Tally {
        packets: a.packets.saturating_add(b.packets),
        bytes: a.bytes.saturating_add(b.bytes),
    }
}

/// Milliseconds since the epoch as RFC 3339.
pub(super) fn timestamp(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis);
    let past = if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    format!("{:.3}", time.unwrap_or(past))
}
