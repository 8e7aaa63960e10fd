//! One interface's file: opened when it is needed, given up when it is of no use, begun anew.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Batch, Done, Failed, Job, Work, Written};
use crate::config::History;
use crate::history::{Extent, Fault, Store};

/// Damaged files that are kept for whoever wants to look into them.
const BROKEN: usize = 3;

/// The file, and what is known of it.
#[derive(Default)]
pub(super) struct Shelf {
    store: Option<Store>,
    settings: History,
    /// It was read through once.
    is_checked: bool,
    /// A file was begun since the last answer.
    is_new: bool,
    set_aside: Option<String>,
}

impl Shelf {
    pub(super) fn work(&mut self, job: Job) -> Done {
        self.settings = job.settings;
        let mut result = self.try_once(&job.path, job.work);
        if let Err((fault, work)) = result {
            // A file that is of no use is replaced at once, and what was to be written goes into the next.
            result = match fault.is_of_the_file() && self.give_up(&job.path, &fault) {
                true => self.try_once(&job.path, work),
                false => Err((fault, work)),
            };
        }
        let result = result.map_err(|(fault, work)| {
            self.store = None;
            let batch = match work {
                Work::Write { batch, .. } => batch,
                Work::Open { .. } => Batch::default(),
            };
            Failed {
                fault: fault.to_string(),
                batch,
            }
        });
        Done {
            place: job.place,
            result,
            is_new: std::mem::take(&mut self.is_new),
            set_aside: self.set_aside.take(),
        }
    }

    fn try_once(&mut self, path: &Path, work: Work) -> Result<Written, (Fault, Work)> {
        let done = self.attempt(path, &work);
        done.map_err(|fault| (fault, work))
    }

    fn attempt(&mut self, path: &Path, work: &Work) -> Result<Written, Fault> {
        let table = match work {
            Work::Open { table, .. } | Work::Write { table, .. } => *table,
        };
        let store = self.store(path, table)?;
        let mut written = Written {
            rows: 0,
            extent: Extent::default(),
            baselines: None,
        };
        match work {
            Work::Open { table, go_on } => {
                written.baselines = Some(store.baselines(*table, *go_on)?);
            }
            Work::Write { batch, .. } if batch.rows.is_empty() && batch.baselines.is_empty() => {}
            Work::Write { batch, .. } => {
                store.write(&batch.rows, &batch.baselines)?;
                written.rows = batch.rows.len() as u64;
            }
        }
        written.extent = store.extent()?;
        Ok(written)
    }

    /// The file, opened anew if it has lost its name.
    fn store(&mut self, path: &Path, table: i64) -> Result<&mut Store, Fault> {
        let held = self.store.take().filter(Store::is_in_place);
        let store = match held {
            Some(store) => store,
            None => {
                let is_new = !path.exists();
                let mut store = Store::open(path)?;
                if !is_new && !self.is_checked {
                    store.check()?;
                }
                if is_new {
                    store.baselines(table, false)?;
                    self.is_new = true;
                }
                self.is_checked = true;
                store
            }
        };
        Ok(self.store.insert(store))
    }

    /// Puts a file aside that is of no use; whether the way is free for another.
    fn give_up(&mut self, path: &Path, fault: &Fault) -> bool {
        self.store = None;
        let now = jiff::Timestamp::now().as_second();
        let aside = beside(path, &format!(".broken-{now}"));
        if fs::rename(path, &aside).is_err() {
            return false;
        }
        // They belong to it, and would be taken for the next one's.
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(path, suffix));
        }
        self.set_aside = Some(format!(
            "{fault}; it is kept as {}, and another one begun",
            aside.display()
        ));
        forget_old(path);
        true
    }

    /// Does one step of what can wait; whether there may be more.
    pub(super) fn tidy(&mut self) -> bool {
        let Some(store) = &mut self.store else {
            return false;
        };
        let now = jiff::Timestamp::now().as_second();
        let keep = self.settings.keep.as_secs().cast_signed();
        // What is wrong will be found, and told, when something is to be written.
        store
            .tidy(now, keep, self.settings.max_size)
            .unwrap_or(false)
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Removes all but the latest files that were put aside.
fn forget_old(path: &Path) {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let prefix = format!("{}.broken-", name.to_string_lossy());
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut broken: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path())
        .collect();
    broken.sort();
    let too_many = broken.len().saturating_sub(BROKEN);
    for old in &broken[..too_many] {
        let _ = fs::remove_file(old);
    }
}
