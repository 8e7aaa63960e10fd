//! One interface's collecting: when to look, to walk and to write, and what to do when writing fails.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::config::History;
use crate::daemon::historian::ledger::Ledger;
use crate::daemon::historian::state::State;
use crate::daemon::historian::writer::{Batch, Done, Failed, Job, Work, Written};
use crate::daemon::historian::{Following, Table};
use crate::history::MINUTE;
use crate::kernel::monotonic;

/// Between two looks at those who were refused lately, at least.
const LOOK: Duration = Duration::from_secs(1);
/// No more than this share of a core is spent on looks.
const LOOKS_SHARE: u32 = 50;
/// Between the begins of two walks over the table.
const WALK: Duration = Duration::from_secs(60);
/// What a round may spend walking: half a per cent of a core.
const WALK_BUDGET: Duration = Duration::from_micros(2_500);
/// The first walk is not waited for longer than this in one go.
const FIRST_WALK: Duration = Duration::from_secs(2);
/// Whoever asks has the table walked over once more if that takes no longer.
const QUICK: Duration = Duration::from_millis(50);
/// And no more than this share of a core is spent on that.
const WALKS_SHARE: u32 = 20;
/// Between two writes.
const WRITE: Duration = Duration::from_secs(5);
/// Where nothing happens, the file is looked after this often.
const TEND: Duration = Duration::from_secs(60);
/// After a failure; doubles each time, up to the longest.
const RETRY: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(15);

/// One interface's.
pub(super) struct Station {
    place: usize,
    state: Arc<State>,
    settings: History,
    ledger: Option<Ledger>,
    /// The ledger waits for what the history has of its table: it looks at nothing until then.
    unread: Option<bool>,
    following: Option<Following>,
    next_look: Instant,
    next_write: Instant,
    retry: Duration,
    /// Somebody waits for a write.
    flush: bool,
    is_in_flight: bool,
    /// Every baseline has to be written: the file has none.
    all: bool,
}

impl Station {
    pub(super) fn new(place: usize, state: Arc<State>) -> Self {
        let now = Instant::now();
        Self {
            place,
            state,
            settings: History::default(),
            ledger: None,
            unread: None,
            following: None,
            next_look: now,
            next_write: now,
            retry: RETRY,
            flush: false,
            is_in_flight: false,
            all: false,
        }
    }

    pub(super) fn iface(&self) -> &str {
        self.state.iface()
    }

    pub(super) fn set(&mut self, settings: History) {
        self.settings = settings;
        let enabled = settings.enabled;
        self.state.want(enabled);
        self.state.change(|condition| {
            condition.enabled = enabled;
            if !enabled {
                condition.fault = None;
            }
        });
        self.next_write = Instant::now();
    }

    /// Looks at another table from now on, or at the same one opened anew.
    pub(super) fn follow(&mut self, following: Following) {
        self.round();
        let opened = Ledger::open(&following.pins, Arc::clone(&following.names));
        let mut ledger = match opened {
            Ok(ledger) => ledger,
            Err(error) => {
                // The next round tries again.
                log::debug!("{}: history: {error:#}", self.iface());
                self.following = Some(following);
                return;
            }
        };
        self.following = None;
        self.set(following.settings);
        let go_on = following.table == Table::Resized;
        let before = self.ledger.take();
        if let Some(mut before) = before {
            let is_same = before.table() == ledger.table();
            if (is_same || go_on) && self.unread.is_none() {
                ledger.follow(before);
                self.ledger = Some(ledger);
                return;
            }
            ledger.pending = std::mem::take(&mut before.pending);
        }
        self.ledger = Some(ledger);
        self.unread = Some(go_on);
    }

    /// Does what is due.
    pub(super) fn round(&mut self) {
        if let Some(following) = self.following.take() {
            self.follow(following);
        }
        self.hear();
        self.look_around(false);
    }

    /// Takes in the events that have come.
    pub(super) fn hear(&mut self) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        for event in self.state.events() {
            ledger.tell(&event);
        }
    }

    /// Whether somebody was refused and no event has told of it yet.
    pub(super) fn is_untold(&self) -> bool {
        let ledger = self.ledger.as_ref().filter(|_| self.unread.is_none());
        ledger.is_some_and(Ledger::is_untold)
    }

    fn look_around(&mut self, is_asked: bool) {
        let Some(ledger) = self.ledger.as_mut().filter(|_| self.unread.is_none()) else {
            return;
        };
        let now = Instant::now();
        if is_asked || now >= self.next_look {
            ledger.look(monotonic::now(), is_asked);
            self.next_look = now + LOOK.max(now.elapsed() * LOOKS_SHARE);
        }
        if ledger.is_walk_due(WALK) {
            // The first one finds what was refused while no daemon ran.
            let budget = match ledger.walked() {
                None => FIRST_WALK,
                Some(_) => WALK_BUDGET,
            };
            ledger.walk(monotonic::now(), budget);
        }
        self.give_up();
    }

    /// Walks over the table for whoever wants to know how things are now, if that is quickly done.
    pub(super) fn catch_up(&mut self) {
        self.round();
        let Some(ledger) = self.ledger.as_mut().filter(|_| self.unread.is_none()) else {
            return;
        };
        if let Some((took, ago)) = ledger.walked().filter(|(took, _)| *took <= QUICK) {
            // However often somebody asks.
            std::thread::sleep((took * WALKS_SHARE).saturating_sub(ago));
            ledger.walk(monotonic::now(), QUICK);
        }
    }

    /// Looks at everybody now: what was refused under the generation before is not taken for the new one's doing.
    pub(super) fn look(&mut self) {
        self.hear();
        self.look_around(true);
    }

    /// Looks at everybody once more, and wants it written.
    pub(super) fn flush(&mut self) {
        self.look();
        self.flush = self.ledger.is_some() && self.settings.enabled;
    }

    /// The same for the last time.
    pub(super) fn end(&mut self) {
        self.round();
        if let Some(ledger) = self.ledger.as_mut().filter(|_| self.unread.is_none()) {
            ledger.walk(monotonic::now(), Duration::from_secs(1));
        }
        self.flush();
    }

    /// Whether somebody waits for it.
    pub(super) fn is_waiting(&self) -> bool {
        self.flush || self.is_in_flight
    }

    /// Nothing is kept where the policy wants nothing kept.
    fn give_up(&mut self) {
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        if !self.settings.enabled {
            ledger.pending = Default::default();
        }
        let lost = std::mem::take(&mut ledger.pending.lost);
        self.state.lost.fetch_add(lost, Ordering::Relaxed);
    }

    /// What the writer is to do now.
    pub(super) fn job(&mut self) -> Option<Job> {
        if !self.settings.enabled || self.is_in_flight {
            return None;
        }
        let ledger = self.ledger.as_mut()?;
        let now = Instant::now();
        let second = jiff::Timestamp::now().as_second();
        let minute = second - second.rem_euclid(MINUTE);
        let is_failing = self.retry > RETRY;
        let waits = !self.flush
            && (now < self.next_write
                || !is_failing && self.unread.is_none() && ledger.pending.is_crowded(minute));
        if waits {
            return None;
        }
        let table = ledger.table();
        let work = match self.unread {
            Some(go_on) => Work::Open { table, go_on },
            None => {
                self.flush = false;
                let batch = Batch {
                    rows: ledger.pending.take(minute),
                    baselines: ledger.changes(std::mem::take(&mut self.all)),
                };
                let is_empty = batch.rows.is_empty() && batch.baselines.is_empty();
                self.next_write = now + if is_empty { TEND } else { WRITE };
                Work::Write { batch, table }
            }
        };
        self.is_in_flight = true;
        Some(Job {
            place: self.place,
            path: self.state.path().to_owned(),
            settings: self.settings,
            work,
        })
    }

    /// Hears how a job ended.
    pub(super) fn done(&mut self, done: Done) {
        self.is_in_flight = false;
        if let Some(what) = &done.set_aside {
            log::error!("{}: the history is begun anew: {what}", self.iface());
            self.state.failures.fetch_add(1, Ordering::Relaxed);
        }
        match done.result {
            Ok(written) => self.written(written, done.is_new),
            Err(failed) => self.failed(failed),
        }
    }

    fn written(&mut self, written: Written, is_new: bool) {
        self.retry = RETRY;
        self.state.rows.fetch_add(written.rows, Ordering::Relaxed);
        if self.state.fault().is_some() {
            log::info!("{}: the history is written again", self.iface());
        }
        self.state.change(|condition| {
            condition.fault = None;
            condition.extent = written.extent;
            condition.written = Some(jiff::Timestamp::now().as_millisecond());
        });
        match written.baselines {
            Some(baselines) => {
                self.unread = None;
                if let Some(ledger) = &mut self.ledger {
                    ledger.begin(baselines);
                }
                // The first walk finds what was refused while no daemon ran.
                self.round();
                if self.flush {
                    self.look();
                }
                self.next_write = Instant::now() + RETRY;
            }
            // What it does not have is in memory.
            None if is_new => {
                self.all = true;
                self.next_write = Instant::now();
            }
            None => {}
        }
    }

    fn failed(&mut self, failed: Failed) {
        self.state.failures.fetch_add(1, Ordering::Relaxed);
        let fault = failed.fault;
        if self.state.fault().as_ref() != Some(&fault) {
            log::error!(
                "{}: the history {} cannot be written: {fault}; what is refused is counted meanwhile, and written later",
                self.iface(),
                self.state.path().display()
            );
        }
        self.state.change(|condition| condition.fault = Some(fault));
        if let Some(ledger) = &mut self.ledger {
            ledger.pending.put_back(failed.batch.rows);
            ledger.put_back(failed.batch.baselines);
        }
        // Whoever waits is told so.
        self.flush = false;
        self.next_write = Instant::now() + self.retry;
        self.retry = (self.retry * 2).min(RETRY_MOST);
    }
}
