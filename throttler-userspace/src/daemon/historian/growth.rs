//! What a source's counts have grown by, and what that means. Pure.
//!
//! The datapath counts packets refused (`refused`, also those that monitor mode spared) and packets dropped with their
//! bytes (`dropped`: refused ones, and those of a source that is banned). What is dropped and not refused is a ban's.

use throttler_common::abi::{SlotRecord, Tally};
use throttler_common::ban::Ban;

use crate::history::Baseline;

/// Whether a scope's refusals drop packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Enforced,
    Spared,
    /// It has changed meanwhile, or nobody knows.
    Either,
}

/// What came since the baseline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Growth {
    /// Refused and dropped.
    pub(super) enforced: Tally,
    /// Refused and let pass; the datapath counts no bytes of theirs.
    pub(super) spared: u64,
    /// Dropped under a ban.
    pub(super) banned: Tally,
    /// The bytes of `enforced` and `banned` are one sum split by packets.
    pub(super) is_split: bool,
    /// Bans given.
    pub(super) bans: u64,
}

impl Growth {
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What a record counts, as a baseline of all of it.
pub(super) fn totals(record: &SlotRecord, at: u64) -> Baseline {
    Baseline {
        refused: record.refused,
        packets: record.dropped.packets,
        bytes: record.dropped.bytes,
        ban: record.ban,
        at,
    }
}

/// Whether the counts go on from a baseline. They do not if the source lost its place in the table and got another: they
/// began at 0 again then.
pub(super) fn goes_on(before: &Baseline, now: &Baseline) -> bool {
    now.refused >= before.refused && now.bytes >= before.bytes
}

/// What came since `before`, and the baseline with it. `may_be_banned`: packets may have been dropped under a ban. Where
/// they may not, one that is dropped and not refused is being counted at this very moment, and left for the next look.
pub(super) fn growth(
    before: &Baseline,
    now: &Baseline,
    mode: Mode,
    may_be_banned: bool,
) -> (Growth, Baseline) {
    let refused = now.refused - before.refused;
    let dropped = now.packets.saturating_sub(before.packets);
    let bytes = now.bytes - before.bytes;
    let enforced = match mode {
        Mode::Enforced => refused,
        Mode::Spared if dropped == 0 => 0,
        Mode::Spared | Mode::Either => refused.min(dropped),
    };
    let banned = match may_be_banned {
        true => dropped.saturating_sub(enforced),
        false => 0,
    };
    let is_split = enforced > 0 && banned > 0;
    let of_bans = share(bytes, banned, enforced + banned);
    let growth = Growth {
        enforced: Tally {
            packets: enforced,
            bytes: bytes - of_bans,
        },
        spared: refused - enforced,
        banned: Tally {
            packets: banned,
            bytes: of_bans,
        },
        is_split,
        bans: bans(Ban(before.ban), Ban(now.ban)),
    };
    let accounted = Baseline {
        packets: before.packets + enforced + banned,
        ..*now
    };
    (growth, accounted)
}

/// `part` of `whole`, of a sum.
pub(super) fn share(sum: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    let share = u128::from(sum) * u128::from(part) / u128::from(whole);
    u64::try_from(share).unwrap_or(u64::MAX)
}

/// Bans given between two readings. An end that comes sooner is one that was taken back.
fn bans(before: Ban, now: Ban) -> u64 {
    let more = now.times().saturating_sub(before.times());
    match more {
        0 => u64::from(now.until() > before.until() && now.times() > 0),
        more => more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(refused: u64, packets: u64, bytes: u64, ban: Ban) -> Baseline {
        Baseline {
            refused,
            packets,
            bytes,
            ban: ban.0,
            at: 0,
        }
    }

    const NO_BAN: Ban = Ban(0);

    #[test]
    fn refusals_are_exact_in_packets_and_bytes() {
        let (before, now) = (counts(2, 2, 200, NO_BAN), counts(7, 7, 700, NO_BAN));
        let (growth, after) = growth(&before, &now, Mode::Enforced, false);
        let five = Tally {
            packets: 5,
            bytes: 500,
        };
        assert_eq!((growth.enforced, growth.spared), (five, 0));
        assert_eq!(after, now);
    }

    #[test]
    fn what_is_dropped_and_not_refused_is_a_bans() {
        let now = counts(3, 10, 1_000, Ban::new(500, 1));
        let (growth, after) = growth(&Baseline::default(), &now, Mode::Enforced, true);
        let tally = |packets| Tally {
            packets,
            bytes: packets * 100,
        };
        assert_eq!((growth.enforced, growth.banned), (tally(3), tally(7)));
        assert!(growth.is_split && growth.bans == 1 && after == now);
    }

    #[test]
    fn a_packet_that_is_being_counted_is_left_for_the_next_look() {
        let half = counts(4, 5, 500, NO_BAN);
        let (first, between) = growth(&Baseline::default(), &half, Mode::Enforced, false);
        assert_eq!((first.enforced.packets, first.banned.packets), (4, 0));
        let whole = counts(5, 5, 500, NO_BAN);
        let (second, after) = growth(&between, &whole, Mode::Enforced, false);
        assert_eq!(second.enforced.packets, 1);
        assert_eq!(first.enforced.bytes + second.enforced.bytes, 500);
        assert_eq!(after, whole);
    }

    #[test]
    fn monitor_mode_drops_nothing() {
        let now = counts(6, 0, 0, NO_BAN);
        for mode in [Mode::Spared, Mode::Either] {
            let (growth, after) = growth(&Baseline::default(), &now, mode, true);
            assert_eq!((growth.spared, growth.enforced.packets), (6, 0));
            assert_eq!((growth.banned.packets, after), (0, now));
        }
    }

    #[test]
    fn bans_are_counted_from_the_word_alone() {
        let given = |before, now| bans(before, now);
        assert_eq!(given(NO_BAN, Ban::new(500, 1)), 1);
        assert_eq!(given(Ban::new(500, 1), Ban::new(500, 1)), 0);
        assert_eq!(given(Ban::new(500, 1), Ban::new(900, 2)), 1);
        assert_eq!(given(Ban::new(500, 1), Ban::new(9_000, 3)), 2);
        // Taken back; then another one, some forgiven.
        assert_eq!(given(Ban::new(500, 2), Ban::new(100, 2)), 0);
        assert_eq!(given(Ban::new(100, 2), Ban::new(9_000, 1)), 1);
    }
}
