//! The thread that alone touches the disk. It does one job at a time and answers each, however long that takes.

mod shelf;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};

use self::shelf::Shelf;
use super::collector::Message;
use crate::config::History;
use crate::history::{Baseline, Extent, Key, Violation};

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<Violation>,
    pub(super) baselines: Vec<(Key, Option<Baseline>)>,
}

/// What the writer does.
#[derive(Debug)]
pub(super) enum Work {
    /// Hands over the baselines of a source table.
    Open { table: i64, go_on: bool },
    /// Writes, and tidies up afterwards.
    Write { batch: Batch, table: i64 },
}

/// For which interface, by its place.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) place: usize,
    pub(super) path: PathBuf,
    pub(super) settings: History,
    pub(super) work: Work,
}

/// How a job ended.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) place: usize,
    pub(super) result: Result<Written, Failed>,
    /// A new file was begun: nothing is in it but what was written now.
    pub(super) is_new: bool,
    /// Why, and where the one before is now.
    pub(super) set_aside: Option<String>,
}

/// It succeeded.
#[derive(Debug)]
pub(super) struct Written {
    /// Rows written.
    pub(super) rows: u64,
    pub(super) extent: Extent,
    /// Answers [`Work::Open`].
    pub(super) baselines: Option<Vec<(Key, Baseline)>>,
}

/// It did not: why, and what was to be written.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) fault: String,
    pub(super) batch: Batch,
}

/// Works until there is nobody left to work for, and says when all files are closed.
pub(super) fn work(jobs: &Receiver<Job>, answers: &SyncSender<Message>) {
    work_on(jobs, answers);
    // The collector may not wait for it.
    let _ = answers.send(Message::Closed);
}

fn work_on(jobs: &Receiver<Job>, answers: &SyncSender<Message>) {
    let mut shelves: Vec<Shelf> = Vec::new();
    let mut next = None;
    loop {
        let Some(job) = next.take().or_else(|| jobs.recv().ok()) else {
            return;
        };
        let place = job.place;
        while shelves.len() <= place {
            shelves.push(Shelf::default());
        }
        let done = shelves[place].work(job);
        if answers.send(Message::Done(done)).is_err() {
            return;
        }
        // What is waiting is more urgent than what can wait.
        loop {
            match jobs.try_recv() {
                Ok(job) => next = Some(job),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) if shelves[place].tidy() => continue,
                Err(TryRecvError::Empty) => {}
            }
            break;
        }
    }
}
