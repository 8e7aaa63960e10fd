//! What waits for one target, and what became of the rest: anybody puts in, the target's task takes out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::interest;
use super::queue::{Queue, Taken};
use super::target::Target;
use crate::alert::Alert;

/// One target's.
pub(super) struct Mailbox {
    pub(super) name: String,
    queue: Mutex<Queue>,
    /// Wakes the task.
    pub(super) arrived: Notify,
    /// How to deliver now; `None` once the policy has it no longer.
    pub(super) target: watch::Sender<Option<Arc<Target>>>,
    pub(super) counts: Counts,
}

/// For the metrics, in alerts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) delivered: AtomicU64,
    /// Given up after attempts.
    pub(super) failed: AtomicU64,
    /// Found no room, or no time at the end.
    pub(super) dropped: AtomicU64,
    /// Taken out, and not yet delivered.
    pub(super) in_hand: AtomicU64,
    pub(super) is_open: AtomicBool,
}

impl Mailbox {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self {
            name: target.name.clone(),
            queue: Mutex::default(),
            arrived: Notify::new(),
            target: watch::Sender::new(Some(target)),
            counts: Counts::default(),
        }
    }

    /// Delivers in this way from now on; whether that is another.
    pub(super) fn change(&self, target: Arc<Target>) -> bool {
        self.target.send_if_modified(|now| {
            let is_new = now.as_deref() != Some(&*target);
            if is_new {
                *now = Some(target);
            }
            is_new
        })
    }

    /// Puts an alert in, if its target wants to hear of it.
    pub(super) fn offer(&self, alert: &Arc<Alert>) {
        let most = match &*self.target.borrow() {
            Some(target) if interest::wants(&target.wants, alert) => target.most,
            _ => return,
        };
        let (gone, waiting) = {
            let mut queue = self.queue();
            (queue.push(Arc::clone(alert), Instant::now()), queue.len())
        };
        self.counts.dropped.fetch_add(gone, Ordering::Relaxed);
        // The first starts the clock of a batch, this one fills it; between them nothing changes.
        if waiting == 1 || waiting == most {
            self.arrived.notify_one();
        }
    }

    /// Takes a batch out.
    pub(super) fn take(&self, most: usize) -> Taken {
        // Under the lock, so that whoever counts finds them either there or here.
        let mut queue = self.queue();
        let taken = queue.take(most);
        let count = taken.alerts.len() as u64;
        self.counts.in_hand.store(count, Ordering::Relaxed);
        taken
    }

    /// Notes what became of what was taken out.
    pub(super) fn settle(&self, alerts: u64, lost: u64, is_delivered: bool) {
        let counts = &self.counts;
        counts.in_hand.store(0, Ordering::Relaxed);
        if is_delivered {
            counts.delivered.fetch_add(alerts, Ordering::Relaxed);
        } else {
            counts.failed.fetch_add(alerts, Ordering::Relaxed);
            self.queue().lose(alerts + lost);
        }
    }

    /// How many wait, and since when.
    pub(super) fn waiting(&self) -> (usize, Option<Instant>) {
        let queue = self.queue();
        (queue.len(), queue.since())
    }

    /// All that are not delivered.
    pub(super) fn left(&self) -> u64 {
        let queue = self.queue();
        queue.len() as u64 + self.counts.in_hand.load(Ordering::Relaxed)
    }

    /// Counts what will not be delivered any more.
    pub(super) fn abandon(&self) -> u64 {
        let left = self.left();
        self.queue().take(usize::MAX);
        self.counts.in_hand.store(0, Ordering::Relaxed);
        self.counts.dropped.fetch_add(left, Ordering::Relaxed);
        left
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
