//! What was refused, kept (ARCHITECTURE.md, "History"): `<state-dir>/<interface>.history.db`, a SQLite database that the daemon writes and `throttler
//! report` reads, also while the daemon runs and after it.
//!
//! SQLite and not redb: a reader beside the writer, in another process, is what `report` is (redb locks the file for one
//! process); the questions are aggregates; and whoever wants to ask others has `sqlite3`.

mod archive;
mod baseline;
pub mod bounds;
mod fault;
mod retention;
mod schema;
mod store;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use throttler_common::abi::Tally;

pub use archive::Archive;
pub use baseline::{Baseline, Key};
pub use fault::Fault;
pub use store::{Extent, Store};

/// Length of a slice in seconds when it is written.
pub const MINUTE: i64 = 60;
/// Length of an older one.
pub const HOUR: i64 = 3_600;

/// What one source (or what is left of many) was refused by one limit within one slice of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Begin of the slice, seconds since the epoch: a multiple of `width`.
    pub begin: i64,
    /// Length of the slice in seconds: 60, later 3,600.
    pub width: u32,
    /// The source; a shorter prefix than sources have where several were summed up.
    pub source: IpNet,
    /// How many sources it stands for; 1 unless several were summed up.
    pub sources: u64,
    /// The scope.
    pub scope: String,
    /// The source's plan.
    pub plan: Option<String>,
    /// The limit that refused: `layer.NAME` of a layer, `global.NAME` of all sources together; `None` where none did.
    pub limit: Option<String>,
    /// The limit's unit.
    pub unit: Option<String>,
    /// The limit's rate as written.
    pub rate: Option<String>,
    /// Why, without monitor mode: a [`throttler_common::Reason`] by name.
    pub reason: String,
    /// Monitor mode let them pass.
    pub monitored: bool,
    /// Packets refused, and their bytes.
    pub refused: Tally,
    /// The bytes are packets times the mean length of what the source sent: exact only where all are of one length.
    pub estimated: bool,
    /// What was dropped in the same time since the source was banned; not in `refused`.
    pub banned: Tally,
    /// Bans given.
    pub bans: u64,
    /// End of the latest of these, milliseconds since the epoch.
    pub banned_until: Option<i64>,
    /// First refusal, milliseconds since the epoch.
    pub first: i64,
    /// Last refusal, milliseconds since the epoch.
    pub last: i64,
    /// The longest time that a refused packet was told to wait.
    pub wait: Duration,
}

impl Violation {
    /// A minute's row of one source, with nothing in it yet: no limit, no packets, and times that any packet's are within.
    #[must_use]
    pub fn none(begin: i64, source: IpNet, scope: &str, reason: &str) -> Self {
        Self {
            begin,
            width: MINUTE as u32,
            source,
            sources: 1,
            scope: scope.to_owned(),
            plan: None,
            limit: None,
            unit: None,
            rate: None,
            reason: reason.to_owned(),
            monitored: false,
            refused: Tally::default(),
            estimated: false,
            banned: Tally::default(),
            bans: 0,
            banned_until: None,
            first: i64::MAX,
            last: i64::MIN,
            wait: Duration::ZERO,
        }
    }
}

/// The file of an interface.
#[must_use]
pub fn path(state_dir: &Path, iface: &str) -> PathBuf {
    state_dir.join(format!("{iface}.history.db"))
}
