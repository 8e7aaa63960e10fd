//! Tells of an interface's events: in the log, in the stream of events, and among the latest ones.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;
use throttler_common::abi::Event;
use throttler_common::notice::Kind;
use tokio::sync::watch;

use super::abuse::{self, Names, Quota};
use super::attachment::Attached;
use super::control::Telling;
use super::events::Ring;
use super::historian::{Historian, State};
use super::lookout::Lookout;
use super::vitals::Vitals;

/// Who hears of every event.
pub(super) struct Hearers {
    /// The log, and who follows it.
    pub(super) telling: Telling,
    /// What is worth an alert.
    pub(super) lookout: Lookout,
    /// What is kept.
    pub(super) historian: Historian,
}

/// Tells of one interface.
pub(super) struct Teller {
    iface: String,
    names: Arc<Mutex<Names>>,
    telling: Telling,
    quota: Quota,
    vitals: Arc<Vitals>,
    lookout: Lookout,
    /// The interface's, to the lookout.
    place: Option<usize>,
    history: Option<Arc<State>>,
}

impl Teller {
    /// `most`: lines of a kind in a second.
    pub(super) fn new(one: &Attached, hearers: &Hearers, most: u64) -> Self {
        Self {
            iface: one.iface().to_owned(),
            names: Arc::clone(&one.names),
            telling: hearers.telling.clone(),
            quota: Quota::new(most),
            vitals: Arc::clone(&one.vitals),
            lookout: hearers.lookout.clone(),
            place: hearers.lookout.place(one.iface()),
            history: hearers.historian.state(one.iface()),
        }
    }

    /// Reads a ring until told to stop.
    pub(super) async fn read(
        mut self,
        mut ring: Ring,
        mut stopped: watch::Receiver<bool>,
    ) -> Result<()> {
        loop {
            let due = self.quota.due();
            tokio::select! {
                read = ring.next(|event| self.tell(event)) => read?,
                () = super::until(due) => self.catch_up(Instant::now()),
                _ = stopped.changed() => {
                    ring.drain(|event| self.tell(event));
                    let left = self.quota.end();
                    self.left_out(left);
                    return Ok(());
                }
            }
        }
    }

    fn tell(&mut self, event: &Event) {
        // All of them, however many the log has room for.
        if let Some(history) = &self.history {
            history.tell(event);
        }
        self.catch_up(Instant::now());
        let kind = Kind::from_index(event.kind);
        if self.quota.admits(kind, event.refused) {
            let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            let line = abuse::line(&names, &self.iface, event);
            drop(names);
            line.iter().for_each(|line| self.telling.tell(line));
        } else {
            self.vitals.left_out.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(place) = self.place {
            self.lookout.event(place, event);
        }
    }

    /// Says what the second before has left out.
    fn catch_up(&mut self, now: Instant) {
        let left = self.quota.take(now);
        self.left_out(left);
    }

    fn left_out(&self, left: Vec<abuse::LeftOut>) {
        for one in left {
            self.telling.tell(&abuse::left_out(&self.iface, one));
        }
    }
}
