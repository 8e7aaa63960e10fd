//! Pressure comes in episodes: one begins with a refusal after five minutes without.

const SECOND_NS: u64 = 1_000_000_000;
/// Without a refusal for so long an episode is over, nanoseconds.
const QUIET_NS: u64 = 300 * SECOND_NS;
/// From its beginning until it is told of, so that the number of refusals says something, nanoseconds.
const GATHER_NS: u64 = SECOND_NS;

/// One interface's.
#[derive(Debug, Default)]
pub(super) struct Episode {
    /// The latest refusal.
    last: Option<u64>,
    /// When the running one is told of.
    due: Option<u64>,
    /// Refusals when nothing was the matter.
    before: u64,
}

impl Episode {
    /// Notes how many newcomers were refused in all while there is no episode.
    pub(super) fn calm(&mut self, now: u64, total: u64) {
        if self.due.is_none() && self.is_quiet(now) {
            self.before = total;
        }
    }

    /// Notes a refusal at `now`, monotonic nanoseconds.
    pub(super) fn note(&mut self, now: u64) {
        if self.is_quiet(now) {
            self.due = Some(now + GATHER_NS);
        }
        self.last = self.last.max(Some(now));
    }

    fn is_quiet(&self, now: u64) -> bool {
        self.last.is_none_or(|last| now >= last + QUIET_NS)
    }

    /// When there is something to tell.
    pub(super) fn due(&self) -> Option<u64> {
        self.due
    }

    /// How many were refused so far, `total` in all, if that is to be told now.
    pub(super) fn take(&mut self, now: u64, total: u64) -> Option<u64> {
        self.due.take_if(|due| *due <= now)?;
        // Counters that went back are another table's.
        Some(total.checked_sub(self.before).unwrap_or(total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_is_told_of_once_a_second_after_it_began() {
        let mut episode = Episode::default();
        episode.calm(0, 7);
        for at in [10, 20, 30] {
            episode.note(at);
            episode.calm(at, 900);
        }
        assert_eq!(episode.due(), Some(10 + GATHER_NS));
        assert_eq!(episode.take(9 + GATHER_NS, 50), None);
        assert_eq!(episode.take(10 + GATHER_NS, 57), Some(50));
        assert_eq!(episode.take(11 + GATHER_NS, 99), None);
        // It goes on as long as there is no pause of five minutes.
        episode.note(30 + QUIET_NS - 1);
        episode.note(30 + 2 * (QUIET_NS - 1));
        assert_eq!(episode.due(), None);
        let again = 30 + 2 * (QUIET_NS - 1) + QUIET_NS;
        episode.calm(again, 1_000);
        episode.note(again);
        assert_eq!(episode.take(again + GATHER_NS, 1_001), Some(1));
    }
}
