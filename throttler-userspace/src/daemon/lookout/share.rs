//! How much of an interface's traffic is refused: over a minute that moves in steps of five seconds.

use std::collections::VecDeque;

use crate::report::Share;

const SECOND_NS: u64 = 1_000_000_000;
/// From one reading of the counters to the next, nanoseconds.
pub(super) const STEP_NS: u64 = 5 * SECOND_NS;
/// What is looked back on, nanoseconds.
const WINDOW_NS: u64 = 60 * SECOND_NS;
/// Packets in it without which a share means nothing.
const ENOUGH: u64 = 100;

/// What a reading has changed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Change {
    /// More than a tenth is refused.
    Begun(Share),
    /// Less than a twentieth is.
    Over(Share),
}

/// One interface's minute.
#[derive(Debug, Default)]
pub(super) struct Minute {
    /// Time and counters, the oldest first: the first is a window old, or as old as there is.
    readings: VecDeque<(u64, Share)>,
    is_on: bool,
}

impl Minute {
    /// Takes a reading at `now`, monotonic nanoseconds. Counters that went back begin anew.
    pub(super) fn read(&mut self, now: u64, total: Share) -> Option<Change> {
        let went_back =
            |(_, last): &(u64, Share)| total.seen < last.seen || total.refused < last.refused;
        if self.readings.back().is_some_and(went_back) {
            self.readings.clear();
        }
        self.readings.push_back((now, total));
        // The second is a window old as well: the first is no longer needed.
        while self
            .readings
            .get(1)
            .is_some_and(|(at, _)| at + WINDOW_NS <= now)
        {
            self.readings.pop_front();
        }
        let (_, first) = self.readings.front()?;
        let share = Share {
            seen: total.seen - first.seen,
            refused: total.refused - first.refused,
        };
        let is_much = share.seen >= ENOUGH && share.refused.saturating_mul(10) > share.seen;
        let is_little = share.refused.saturating_mul(20) < share.seen.max(1);
        match self.is_on {
            false if is_much => {
                self.is_on = true;
                Some(Change::Begun(share))
            }
            true if is_little => {
                self.is_on = false;
                Some(Change::Over(share))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(seen: u64, refused: u64) -> Share {
        Share { seen, refused }
    }

    /// Readings every five seconds, each with what came since the one before.
    fn after(minute: &mut Minute, begin: u64, steps: &[(u64, u64)]) -> Vec<Option<Change>> {
        let mut total = minute
            .readings
            .back()
            .map_or(share(0, 0), |(_, last)| *last);
        let mut at = begin;
        let step = |(seen, refused): &(u64, u64)| {
            total = share(total.seen + seen, total.refused + refused);
            at += STEP_NS;
            minute.read(at, total)
        };
        steps.iter().map(step).collect()
    }

    #[test]
    fn more_than_a_tenth_of_a_hundred_packets_is_told_of_once() {
        let mut minute = Minute::default();
        assert_eq!(minute.read(0, share(0, 0)), None);
        let told = after(&mut minute, 0, &[(99, 99), (1, 0), (100, 50)]);
        assert_eq!(told, [None, Some(Change::Begun(share(100, 99))), None]);
    }

    #[test]
    fn exactly_a_tenth_is_not_more() {
        let mut minute = Minute::default();
        minute.read(0, share(0, 0));
        assert_eq!(
            after(&mut minute, 0, &[(1_000, 100), (9, 1)]),
            [None, Some(Change::Begun(share(1_009, 101)))]
        );
    }

    #[test]
    fn it_is_over_below_a_twentieth_and_may_come_again() {
        let mut minute = Minute::default();
        minute.read(0, share(0, 0));
        let told = after(
            &mut minute,
            0,
            &[(1_000, 200), (2_000, 0), (999, 0), (2, 0), (9_000, 3_000)],
        );
        let over = Change::Over(share(4_001, 200));
        assert_eq!(told[1..4], [None, None, Some(over)]);
        assert_eq!(told[4], Some(Change::Begun(share(13_001, 3_200))));
    }

    #[test]
    fn what_is_a_minute_ago_does_not_count() {
        let mut minute = Minute::default();
        minute.read(0, share(0, 0));
        let mut steps = vec![(1_000, 500)];
        steps.extend([(0, 0); 11]);
        let told = after(&mut minute, 0, &steps);
        assert!(told[1..].iter().all(Option::is_none), "{told:?}");
        // Nothing at all is refused in the minute that follows the first step.
        let told = after(&mut minute, 12 * STEP_NS, &[(0, 0)]);
        assert_eq!(told, [Some(Change::Over(share(0, 0)))]);
    }

    #[test]
    fn counters_that_go_back_begin_anew() {
        let mut minute = Minute::default();
        minute.read(0, share(5_000, 10));
        assert_eq!(minute.read(STEP_NS, share(50, 40)), None);
        assert_eq!(
            minute.read(2 * STEP_NS, share(150, 140)),
            Some(Change::Begun(share(100, 100)))
        );
    }
}
