//! The lookout: finds what is worth an alert, and says so ([`crate::alert`]).
//!
//! A thread of its own. Whoever reads the rings hands it every event, the daemon's loop what operators change; neither ever
//! waits for it. From time to time it looks at the tables itself: what happens without a packet (a ban that is over, a
//! bucket that is full again), and what the datapath does not tell of (a limit that is nearly used up, the share that is
//! refused). What decides is pure and takes the time as an argument; [`interface`] reads the maps.

mod cap;
mod desk;
mod ends;
mod episode;
mod events;
mod firsts;
mod interface;
mod near;
mod operators;
mod share;
mod store;
mod tally;
mod thread;
mod words;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ipnet::IpNet;
use jiff::Timestamp;
use throttler_common::abi::Event;

use self::desk::Desk;
pub(super) use self::desk::Sink;
pub(super) use self::operators::News;
pub(super) use self::tally::Tally;
use self::thread::Thread;
use super::RunArgs;
use super::abuse::Names;
use super::control::Telling;
use crate::cli::Common;
use crate::overrides::Book;
use crate::report::Lifted;

/// Events that wait for the lookout; more are counted and lost. The datapath tells of no more than 4,096 a second and CPU.
const QUEUE: usize = 4_096;

/// How long the daemon's end waits for the lookout's.
const END: Duration = Duration::from_secs(2);

/// What wakes the lookout.
enum Note {
    /// Of the interface at this place.
    Event(usize, Event),
    /// There are words.
    Look,
}

/// What must not be lost, however full the queue is. There is no more of it than operators say.
enum Word {
    /// An interface's events come from now on; whether its counters began at nothing.
    Follow(usize, Arc<Mutex<Names>>, bool),
    /// Bans with an end that operators gave before.
    Known(Vec<(IpNet, Timestamp)>),
    /// Operators' bans have changed.
    Ordered(News),
    /// Bans of the datapath were taken back on the interface of this name.
    Lifted(String, Vec<Lifted>),
    /// The daemon ends.
    End,
}

/// To the lookout. Nothing here ever blocks.
#[derive(Clone)]
pub(super) struct Lookout {
    notes: SyncSender<Note>,
    words: Arc<Mutex<Vec<Word>>>,
    tally: Arc<Tally>,
    ifaces: Arc<[String]>,
}

/// The running thread.
pub(super) struct Running {
    thread: JoinHandle<()>,
    /// Closed by its end.
    ended: Receiver<()>,
}

impl Lookout {
    /// Starts it. `sink` takes the alerts.
    ///
    /// # Errors
    /// The system has no thread to spare.
    pub(super) fn start(
        common: &Common,
        args: &RunArgs,
        telling: &Telling,
        sink: Sink,
    ) -> Result<(Self, Running)> {
        let (notes, noted) = sync_channel(QUEUE);
        let (ending, ended) = sync_channel::<()>(0);
        let ifaces: Arc<[String]> = args.iface.clone().into();
        let tally = Arc::new(Tally::new(&ifaces));
        let lookout = Self {
            notes,
            words: Arc::default(),
            tally: Arc::clone(&tally),
            ifaces: Arc::clone(&ifaces),
        };
        let desk = Desk::new(
            sink,
            telling.clone(),
            Arc::clone(&tally),
            Arc::clone(&ifaces),
            args.log_events_per_second,
        );
        let places = Places {
            bpffs: common.bpffs.clone(),
            state_dir: common.state_dir.clone(),
        };
        let thread = Thread::new(places, ifaces, desk, tally);
        let words = Arc::clone(&lookout.words);
        let thread = std::thread::Builder::new()
            .name("lookout".to_owned())
            .spawn(move || {
                thread.run(&noted, &words);
                drop(ending);
            })
            .context("starting the lookout's thread")?;
        Ok((lookout, Running { thread, ended }))
    }

    /// One that nobody works for, for a control socket apart from a daemon.
    pub(super) fn apart(ifaces: &[String]) -> Self {
        Self {
            notes: sync_channel(0).0,
            words: Arc::default(),
            tally: Arc::new(Tally::new(ifaces)),
            ifaces: ifaces.into(),
        }
    }

    /// What it has found, for the metrics.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The place of an interface among the daemon's.
    pub(super) fn place(&self, iface: &str) -> Option<usize> {
        self.ifaces.iter().position(|one| one == iface)
    }

    /// Hands an event over; one that finds the queue full is counted.
    pub(super) fn event(&self, place: usize, event: &Event) {
        if self.notes.try_send(Note::Event(place, *event)).is_err() {
            self.tally
                .missed
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// An interface's events are read from now on; its counters began at nothing if it is new.
    pub(super) fn follow(&self, iface: &str, names: &Arc<Mutex<Names>>, is_new: bool) {
        if let Some(place) = self.place(iface) {
            self.say(Word::Follow(place, Arc::clone(names), is_new));
        }
    }

    /// These bans were given before the start.
    pub(super) fn know(&self, book: &Book) {
        self.say(Word::Known(News::all(book)));
    }

    /// Operators' bans have changed.
    pub(super) fn ordered(&self, news: News) {
        if !news.is_empty() {
            self.say(Word::Ordered(news));
        }
    }

    /// Bans of the datapath were taken back.
    pub(super) fn lifted(&self, iface: &str, bans: &[Lifted]) {
        if !bans.is_empty() {
            self.say(Word::Lifted(iface.to_owned(), bans.to_vec()));
        }
    }

    fn say(&self, word: Word) {
        self.words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(word);
        // With a full queue it is awake anyway.
        let _ = self.notes.try_send(Note::Look);
    }

    /// Ends it: what waits is told of, what is to be remembered is written.
    pub(super) fn end(&self, running: Running) {
        self.say(Word::End);
        // Nothing is ever sent: its end alone answers.
        let waited = running.ended.recv_timeout(END);
        if matches!(waited, Err(std::sync::mpsc::RecvTimeoutError::Timeout)) {
            log::warn!("the lookout does not end; what it remembers may not be written");
        } else if running.thread.join().is_err() {
            log::error!(
                "the lookout's thread has panicked: there were no more alerts from then on"
            );
        }
    }
}

/// Where the lookout finds its things.
struct Places {
    bpffs: PathBuf,
    state_dir: PathBuf,
}
