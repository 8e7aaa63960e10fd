//! The thread that collects: events as they come, counts as they grow. It waits for nobody but itself: the disk is
//! another thread's.

mod station;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use self::station::Station;
use super::Following;
use super::state::State;
use super::writer::{Done, Job};
use crate::config::History;

/// From one round to the next.
const TICK: Duration = Duration::from_millis(500);
/// What the ring holds when somebody asks is with the collector by then, unless the daemon's loop is busy.
const ON_THE_WAY: Duration = Duration::from_millis(20);
/// How long to wait for it then.
const PATIENCE: Duration = Duration::from_millis(250);

/// What the collector is told.
pub(super) enum Message {
    /// A table to look at, of the interface at a place.
    Follow(usize, Box<Following>),
    /// The policy's section, by interface.
    Settings(Vec<(String, History)>),
    /// Write what there is; answered when it is done, or has failed.
    Flush(oneshot::Sender<()>),
    /// From the writer.
    Done(Done),
    /// From the writer: all files are closed.
    Closed,
    /// Write what there is, and end.
    End(Instant),
}

/// Collects until told to end.
pub(super) fn collect(states: &[Arc<State>], messages: &Receiver<Message>, jobs: SyncSender<Job>) {
    let stations = states.iter().enumerate();
    let mut collector = Collector {
        stations: stations
            .map(|(place, state)| Station::new(place, Arc::clone(state)))
            .collect(),
        jobs,
        is_busy: false,
        waiting: Vec::new(),
    };
    let mut next = Instant::now() + TICK;
    loop {
        match messages.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(Message::End(deadline)) => {
                collector.end(messages, deadline);
                return;
            }
            Ok(message) => collector.hear(message),
            Err(RecvTimeoutError::Timeout) => {
                for station in &mut collector.stations {
                    station.round();
                }
                next = Instant::now() + TICK;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
        collector.hand_over();
    }
}

struct Collector {
    stations: Vec<Station>,
    jobs: SyncSender<Job>,
    /// The writer has a job.
    is_busy: bool,
    /// Who wants to know when all is written.
    waiting: Vec<oneshot::Sender<()>>,
}

impl Collector {
    fn hear(&mut self, message: Message) {
        match message {
            Message::Follow(place, following) => {
                if let Some(station) = self.stations.get_mut(place) {
                    station.follow(*following);
                }
            }
            Message::Settings(all) => {
                for (iface, settings) in all {
                    let mut stations = self.stations.iter_mut();
                    if let Some(station) = stations.find(|one| one.iface() == iface) {
                        station.set(settings);
                        station.look();
                    }
                }
            }
            Message::Flush(reply) => {
                for station in &mut self.stations {
                    station.catch_up();
                }
                self.wait_for_events();
                for station in &mut self.stations {
                    station.flush();
                }
                self.waiting.push(reply);
            }
            Message::Done(done) => self.done(done),
            Message::Closed | Message::End(_) => {}
        }
    }

    /// Until what was refused has been told of, too; not for events that never come.
    fn wait_for_events(&mut self) {
        let end = Instant::now() + PATIENCE;
        loop {
            std::thread::sleep(ON_THE_WAY);
            for station in &mut self.stations {
                station.hear();
            }
            let is_told = !self.stations.iter().any(Station::is_untold);
            if is_told || Instant::now() >= end {
                return;
            }
        }
    }

    fn done(&mut self, done: Done) {
        self.is_busy = false;
        if let Some(station) = self.stations.get_mut(done.place) {
            station.done(done);
        }
    }

    /// Gives the writer what is due, one job at a time.
    fn hand_over(&mut self) {
        if !self.is_busy {
            let mut stations = self.stations.iter_mut();
            if let Some(job) = stations.find_map(Station::job) {
                // The writer takes a job whenever it has answered the one before.
                self.is_busy = self.jobs.send(job).is_ok();
            }
        }
        if !self.is_busy && !self.stations.iter().any(Station::is_waiting) {
            for reply in self.waiting.drain(..) {
                // Whoever asked may have gone.
                let _ = reply.send(());
            }
        }
    }

    /// Takes the last look, and waits until it is written; no longer than to the deadline.
    fn end(mut self, messages: &Receiver<Message>, deadline: Instant) {
        for station in &mut self.stations {
            station.end();
        }
        let left = || deadline.saturating_duration_since(Instant::now());
        loop {
            self.hand_over();
            if !self.is_busy {
                break;
            }
            match messages.recv_timeout(left()) {
                Ok(Message::Done(done)) => self.done(done),
                Ok(_) => {}
                Err(_) => return,
            }
        }
        // The writer closes its files when nobody can give it another job: nothing is left beside them then.
        drop(self.jobs);
        while let Ok(message) = messages.recv_timeout(left()) {
            if matches!(message, Message::Closed) {
                return;
            }
        }
    }
}
