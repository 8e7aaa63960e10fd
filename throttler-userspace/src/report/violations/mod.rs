//! `throttler report`: what the history says of a stretch of time, and what the maps say of it now.
//!
//! The history is read once, a slice at a time, into cells: what one source was refused for one reason. Cells take room for
//! each source; where they would take too much, the history is read several times, a share of the sources each time
//! ([`gather`]). All that is asked (rows, groups, plans, next plans, plots) is made of the cells of a share before the next
//! one is read, so every figure is exact and memory stays bounded.
//!
//! A slice of the history that is only partly in the time asked counts whole: times are exact to a minute, for older slices to
//! an hour.

mod ask;
mod bins;
mod bound;
mod cells;
mod csv;
mod gather;
mod groups;
mod html;
mod json;
mod ladder;
mod near;
mod sum;
mod table;
mod texts;
mod top;
mod words;

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Error, Result, anyhow};

pub use ask::{Ask, By, Moment, Period, SHOWN};
pub use csv::csv;
pub use gather::{CELLS, FEW_CELLS, gather};
pub use html::html;
pub use json::json;
pub use table::table;

use bins::Bins;
use cells::{Key, Shown};
use groups::Group;
use near::Near;
use sum::Sum;
use texts::Texts;
use top::Top;

use crate::cli::failure::{Failure, Status};
use crate::history::{self, Archive};
use crate::kernel::sys;

/// Everything that was found.
pub struct Found {
    /// What was asked.
    pub ask: Ask,
    /// Interfaces that have a history.
    ifaces: Vec<String>,
    texts: Texts,
    /// The worst first.
    rows: Top<Row>,
    /// What is asked by; empty where nothing is.
    groups: Top<Group>,
    /// How many of these there are, kept or not.
    count: u64,
    /// Sources, plans and reasons for plots.
    sources: Top<Group>,
    plans: Top<Group>,
    reasons: Top<Group>,
    spared: Top<Group>,
    totals: Group,
    next: Top<Next>,
    near: Vec<Near>,
    bins: Bins,
    /// Begin of the oldest slice that is kept, milliseconds since the epoch.
    oldest: Option<i64>,
    /// Whether the maps were read: what is near a limit now, and which plans there are, is known.
    live: bool,
}

/// A row: what one source was refused by one limit, for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    key: Key,
    cell: Shown,
    sum: Sum,
}

/// What a source's next plan up would have admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Next {
    row: Row,
    /// The plan, and its rate; 0: unlimited.
    plan: u32,
    rate: u32,
    /// At least so many units.
    units: u64,
}

impl Found {
    /// Whether the history begins within the time asked: nothing is known of what was before.
    fn is_cut(&self) -> bool {
        self.oldest
            .is_none_or(|oldest| oldest > self.ask.period.since)
    }
}

/// A history, and whose it is.
pub struct Kept {
    /// The interface.
    pub iface: String,
    /// Where it lies.
    pub path: PathBuf,
    /// It, opened.
    pub archive: Archive,
}

impl Kept {
    /// Opens the histories of the interfaces asked for, or of all that have one. An interface without one is left out.
    ///
    /// # Errors
    /// Status 77 where this process may not read one; what is no history is named, with the mend.
    pub fn of(state_dir: &Path, ifaces: &[String]) -> Result<Vec<Self>> {
        let found;
        let ifaces = match ifaces {
            [] => {
                found = all(state_dir)?;
                &found
            }
            ifaces => ifaces,
        };
        let mut kept = Vec::new();
        for iface in ifaces {
            let path = history::path(state_dir, iface);
            match File::open(&path).and_then(|file| file.metadata()) {
                // Empty: the daemon is just making it.
                Ok(file) if file.len() == 0 => continue,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Ok(_) => {}
                Err(error) => return Err(closed(&path, error)),
            }
            let archive = Archive::open(&path).map_err(|error| unreadable(&path, &error))?;
            kept.extend(archive.map(|archive| Self {
                iface: iface.clone(),
                path,
                archive,
            }));
        }
        Ok(kept)
    }
}

/// The interfaces that have a history.
fn all(state_dir: &Path) -> Result<Vec<String>> {
    let suffix = history::path(Path::new(""), "");
    let suffix = suffix.to_string_lossy();
    let entries = match fs::read_dir(state_dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| closed(state_dir, error))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| closed(state_dir, error))?;
        let name = entry.file_name();
        let iface = name.to_str().and_then(|name| name.strip_suffix(&*suffix));
        found.extend(iface.filter(|iface| !iface.is_empty()).map(str::to_owned));
    }
    found.sort();
    Ok(found)
}

/// What may not, or cannot, be read.
fn closed(path: &Path, error: std::io::Error) -> Error {
    let path = path.display();
    match error.kind() {
        ErrorKind::PermissionDenied => Failure::new(
            Status::Privilege,
            format!(
                "{path}: user {} may not read the history there: run it as root (`sudo throttler report`) or as the daemon's user",
                sys::effective_user()
            ),
        )
        .into(),
        _ => Error::from(error).context(format!("reading {path}")),
    }
}

fn unreadable(path: &Path, error: &rusqlite::Error) -> Error {
    anyhow!(
        "{} cannot be read as a history ({error}): if it is damaged or something else, move it away, and the daemon begins a \
         new one; one of another version is read by that version's `throttler report`",
        path.display()
    )
}
