//! What events have told of a source since the last look at its counts: which limit, and how long to wait. The figures
//! themselves are the table's.

use throttler_common::Reason;
use throttler_common::abi::Event;
use throttler_common::notice::Kind;

use super::label::What;

/// Limits that one source is told of between two looks, at most; a scope has four, a layer and `global` as many.
const MOST: usize = 12;

/// One limit's share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    pub(super) what: What,
    /// Refusals that it was told of for.
    pub(super) refused: u64,
    /// The longest wait, in nanoseconds.
    pub(super) wait: u64,
    /// It was what the source was banned for.
    pub(super) banned: bool,
    /// Monotonic nanoseconds when it was last told of.
    pub(super) at: u64,
}

/// What was told since the last look, and what was told last.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) shares: Vec<Share>,
    /// Monotonic nanoseconds of the first.
    pub(super) first: u64,
    /// The first event that the source's place in the table has ever told: when, and refusals then.
    pub(super) began: Option<(u64, u64)>,
    /// Lasts beyond the look.
    pub(super) latest: Option<What>,
}

impl Told {
    pub(super) fn add(&mut self, event: &Event, kind: Kind) {
        let Some(what) = What::of(event) else { return };
        let refused = match kind {
            Kind::Refusal | Kind::Pressure => u64::from(event.refused),
            // A ban's event says how many refusals it takes, and is for one itself.
            Kind::Ban => 1,
            Kind::WiderBan | Kind::Unban | Kind::WiderUnban => 0,
        };
        if kind == Kind::Refusal && u64::from(event.refused) == event.refused_total {
            self.began = Some((event.at, event.refused_total));
        }
        if self.shares.is_empty() || event.at < self.first {
            self.first = event.at;
        }
        let wait = match kind {
            Kind::Refusal => event.retry_after,
            _ => 0,
        };
        self.latest = Some(what);
        let banned = matches!(kind, Kind::Ban | Kind::WiderBan);
        if let Some(known) = self.shares.iter_mut().find(|one| one.what == what) {
            known.refused += refused;
            known.wait = known.wait.max(wait);
            known.banned |= banned;
            known.at = known.at.max(event.at);
        } else if self.shares.len() < MOST {
            // Most have one.
            self.shares.reserve_exact(1);
            self.shares.push(Share {
                what,
                refused,
                wait,
                banned,
                at: event.at,
            });
        }
    }

    /// Begins anew after a look.
    pub(super) fn clear(&mut self) {
        self.shares.clear();
        self.began = None;
    }

    /// What bans are kept under.
    pub(super) fn of_bans(&self) -> Option<What> {
        let of_ban = self.shares.iter().find(|one| one.banned);
        let latest = || self.latest.filter(|what| what.reason != Reason::Blocked);
        of_ban.map(|one| one.what).or_else(latest)
    }

    /// Refusals that were told of, beside those of the block list.
    pub(super) fn refused(&self) -> u64 {
        self.shares.iter().map(|one| one.refused).sum()
    }
}
