//! How many lines of the abuse log there may be in a second: a flood of offenders is worth knowing, not a line each.
//! Kinds of events have a quota each, so that a hundred thousand refusals do not hide a ban.

use std::time::{Duration, Instant};

use throttler_common::notice::Kind;

const SECOND: Duration = Duration::from_secs(1);

/// What was left out of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::daemon) struct LeftOut {
    pub(in crate::daemon) kind: Option<Kind>,
    /// Lines, which are as many sources and scopes: the datapath tells of each once a second.
    pub(in crate::daemon) lines: u64,
    /// Refusals that they would have told of.
    pub(in crate::daemon) refused: u64,
}

/// One interface's.
#[derive(Debug)]
pub(in crate::daemon) struct Quota {
    /// Lines of a kind in a second.
    most: u64,
    begin: Instant,
    /// Lines that were asked for by kind, and the refusals of those beyond `most`.
    asked: Vec<(Option<Kind>, u64, u64)>,
}

impl Quota {
    pub(in crate::daemon) fn new(most: u64) -> Self {
        Self {
            most,
            begin: Instant::now(),
            asked: Vec::new(),
        }
    }

    /// Whether an event is worth a line at that time. To be asked once what the second before has left out was taken.
    pub(in crate::daemon) fn admits(&mut self, kind: Option<Kind>, refused: u32) -> bool {
        let known = self.asked.iter().position(|(one, ..)| *one == kind);
        let index = known.unwrap_or_else(|| {
            self.asked.push((kind, 0, 0));
            self.asked.len() - 1
        });
        let (_, lines, beyond) = &mut self.asked[index];
        *lines += 1;
        let admitted = *lines <= self.most;
        if !admitted {
            *beyond += u64::from(refused);
        }
        admitted
    }

    /// When there will be something to take, if nothing else comes.
    pub(in crate::daemon) fn due(&self) -> Option<Instant> {
        let left = self.asked.iter().any(|(_, lines, _)| *lines > self.most);
        left.then(|| self.begin + SECOND)
    }

    /// What was left out of a second that is over; from `now` on a new one runs.
    pub(in crate::daemon) fn take(&mut self, now: Instant) -> Vec<LeftOut> {
        if now < self.begin + SECOND {
            return Vec::new();
        }
        self.begin = now;
        self.end()
    }

    /// What was left out until now.
    pub(in crate::daemon) fn end(&mut self) -> Vec<LeftOut> {
        let most = self.most;
        let left = self.asked.drain(..).filter(|(_, lines, _)| *lines > most);
        let left = left.map(|(kind, lines, refused)| LeftOut {
            kind,
            lines: lines - most,
            refused,
        });
        left.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_quota_is_counted_by_kind() {
        let mut quota = Quota::new(2);
        let begin = quota.begin;
        for n in 0..5 {
            assert_eq!(quota.admits(Some(Kind::Refusal), 10), n < 2);
        }
        assert!(quota.admits(Some(Kind::Ban), 1), "a quota of its own");
        assert_eq!(quota.due(), Some(begin + SECOND));
        assert_eq!(quota.take(begin + SECOND / 2), []);
        let left = LeftOut {
            kind: Some(Kind::Refusal),
            lines: 3,
            refused: 30,
        };
        assert_eq!(quota.take(begin + SECOND), [left]);
        assert_eq!((quota.due(), quota.begin), (None, begin + SECOND));
        assert!(quota.admits(Some(Kind::Refusal), 10), "another second");
        assert_eq!(quota.end(), []);
    }
}
