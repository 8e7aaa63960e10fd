//! The history: what is refused, whom, by which limit, written to a database beside the daemon's work.
//!
//! Events say who, by which limit, and how long to wait; figures are those of the source table, which is mapped: what a
//! source's counts have grown by since the last look. So they are exact whatever was told, or lost. How much of whose counts
//! is in the database is written with it, in one transaction; after a kill, the table and that find what is missing.
//!
//! One thread collects (`collector`), another writes (`writer`). The daemon's loop hands events over and waits for neither.

mod collector;
mod growth;
mod label;
mod ledger;
mod pending;
mod state;
mod told;
mod who;
mod writer;

use std::io;
use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use self::collector::Message;
pub(super) use self::state::{State, metrics};
use super::abuse::Names;
use super::attachment::Attached;
use crate::config::History;
use crate::kernel::pins::Pins;

/// Messages that wait for the collector at most.
const MESSAGES: usize = 256;
/// What is left is written at the daemon's end within this time, or not at all: the next start finds it in the table.
const LAST: Duration = Duration::from_secs(3);

/// How a source table came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// New, or the one that was there.
    AsItIs,
    /// Filled from one of another size, counts included.
    Resized,
}

/// What the collector follows on an interface.
struct Following {
    pins: Pins,
    table: Table,
    names: Arc<Mutex<Names>>,
    settings: History,
}

/// The history of all interfaces.
#[derive(Clone)]
pub(super) struct Historian {
    states: Arc<[Arc<State>]>,
    messages: SyncSender<Message>,
}

/// Its thread.
pub(super) struct Collecting(JoinHandle<()>);

impl Historian {
    /// Starts both threads.
    ///
    /// # Errors
    /// The system's: there may be no more threads.
    pub(super) fn start(state_dir: &Path, ifaces: &[String]) -> io::Result<(Self, Collecting)> {
        let states: Arc<[Arc<State>]> = ifaces
            .iter()
            .map(|iface| Arc::new(State::new(state_dir, iface)))
            .collect();
        let (messages, heard) = sync_channel(MESSAGES);
        // One at a time.
        let (jobs, given) = sync_channel(1);
        let answers = messages.clone();
        thread::Builder::new()
            .name("history-disk".to_owned())
            .spawn(move || writer::work(&given, &answers))?;
        let of_collector = Arc::clone(&states);
        let collecting = thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || collector::collect(&of_collector, &heard, jobs))?;
        Ok((Self { states, messages }, Collecting(collecting)))
    }

    /// Of no interface; nobody collects.
    pub(super) fn of_none() -> Self {
        let (messages, _) = sync_channel(1);
        let states = Arc::new([]);
        Self { states, messages }
    }

    /// How each interface's does.
    pub(super) fn states(&self) -> &Arc<[Arc<State>]> {
        &self.states
    }

    /// Where an interface's events go.
    pub(super) fn state(&self, iface: &str) -> Option<Arc<State>> {
        let mut states = self.states.iter();
        states.find(|one| one.iface() == iface).cloned()
    }

    /// Follows an interface that was attached.
    pub(super) fn follow(&self, one: &Attached) {
        let mut states = self.states.iter();
        let Some(place) = states.position(|state| state.iface() == one.iface()) else {
            return;
        };
        let following = Following {
            pins: one.pins.clone(),
            table: one.table,
            names: Arc::clone(&one.names),
            settings: one.policy.config.history,
        };
        self.send(Message::Follow(place, Box::new(following)));
    }

    /// Has what the policies in force say hold.
    pub(super) fn set(&self, attached: &[Attached]) {
        let of = |one: &Attached| (one.iface().to_owned(), one.policy.config.history);
        self.send(Message::Settings(attached.iter().map(of).collect()));
    }

    /// Has what was refused so far written. The answer comes when it is, or cannot be; `None`: too many ask already.
    pub(super) fn flush(&self) -> Option<oneshot::Receiver<()>> {
        let (reply, answer) = oneshot::channel();
        let sent = self.messages.try_send(Message::Flush(reply));
        sent.is_ok().then_some(answer)
    }

    /// Writes what is left and ends; waits for that, but not for a disk that hangs.
    pub(super) fn end(self, collecting: Collecting) {
        let deadline = Instant::now() + LAST;
        if self.messages.send(Message::End(deadline)).is_err() {
            return;
        }
        // Looks at the deadline itself; a panic in it has been told of.
        let _ = collecting.0.join();
    }

    fn send(&self, message: Message) {
        if let Err(TrySendError::Full(_)) = self.messages.try_send(message) {
            log::error!(
                "the history is too busy to be told of a change: `throttler reload` tells it again"
            );
        }
    }
}
