//! Alerts that wait for their delivery: at most [`ROOM`]. Beyond that the oldest go, for the latest say how things are now.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::time::Instant;

use crate::alert::Alert;

/// Alerts that wait.
pub(super) const ROOM: usize = 10_000;

/// In the order in which they were told.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<(Instant, Arc<Alert>)>,
    /// Alerts that nobody will hear of, which no delivered batch has told of yet.
    lost: u64,
}

/// What was taken to be delivered together.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) alerts: Vec<Arc<Alert>>,
    /// Those that were lost before.
    pub(super) lost: u64,
}

impl Queue {
    /// Adds one; how many had to go for it.
    pub(super) fn push(&mut self, alert: Arc<Alert>, now: Instant) -> u64 {
        let mut gone = 0;
        while self.waiting.len() >= ROOM {
            self.waiting.pop_front();
            gone += 1;
        }
        self.waiting.push_back((now, alert));
        self.lost += gone;
        gone
    }

    /// Takes the oldest, so many at most.
    pub(super) fn take(&mut self, most: usize) -> Taken {
        let count = most.min(self.waiting.len());
        let alerts = self.waiting.drain(..count).map(|(_, alert)| alert);
        let alerts = alerts.collect();
        // A burst's room is not kept.
        if self.waiting.is_empty() {
            self.waiting.shrink_to(64);
        }
        Taken {
            alerts,
            lost: std::mem::take(&mut self.lost),
        }
    }

    /// Notes some that will not be delivered.
    pub(super) fn lose(&mut self, alerts: u64) {
        self.lost += alerts;
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Since when the oldest waits.
    pub(super) fn since(&self) -> Option<Instant> {
        self.waiting.front().map(|(since, _)| *since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Kind;

    #[test]
    fn the_oldest_go_and_are_counted() {
        let mut queue = Queue::default();
        let now = Instant::now();
        let alert = |n: usize| {
            let time = jiff::Timestamp::UNIX_EPOCH;
            Arc::new(Alert::new(Kind::Ban, time, n.to_string()))
        };
        let gone: u64 = (0..ROOM + 3).map(|n| queue.push(alert(n), now)).sum();
        assert_eq!((gone, queue.len()), (3, ROOM));
        let taken = queue.take(2);
        let texts: Vec<&str> = taken.alerts.iter().map(|alert| &*alert.text).collect();
        assert_eq!((texts, taken.lost), (vec!["3", "4"], 3));
        assert_eq!(queue.take(ROOM).lost, 0);
        assert_eq!(queue.since(), None);
        queue.lose(2);
        assert_eq!(queue.take(1).lost, 2);
    }
}
