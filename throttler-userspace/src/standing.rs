//! What the daemon knows of an interface and its maps do not say, in a file that `status` reads: since when and why the
//! program runs as it does, and how the latest reload and self-check ended.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::replace;

/// How an interface stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// When the program was attached that runs there, or the first of those that took its place.
    pub attached_at: Timestamp,
    /// Why it runs in its mode.
    pub xdp_why: String,
    /// When the daemon took the interface up.
    pub daemon_since: Timestamp,
    /// The latest reload, if there was one.
    pub last_reload: Option<Reload>,
    /// What the latest self-check found wrong.
    pub fault: Option<String>,
    /// What keeps the history from being written.
    #[serde(default)]
    pub history_fault: Option<String>,
}

/// How a reload ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// When.
    pub at: Timestamp,
    /// Why the policy before stayed in force; `None` where the new one came into force.
    pub error: Option<String>,
}

/// The file of an interface.
#[must_use]
pub fn path(state_dir: &Path, iface: &str) -> PathBuf {
    state_dir.join(format!("{iface}.standing.json"))
}

/// Reads the file. One that is not there, or cannot be understood, says nothing.
#[must_use]
pub fn read(path: &Path) -> Option<Standing> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Replaces the file.
///
/// # Errors
/// It cannot be written.
pub fn save(path: &Path, standing: &Standing) -> Result<()> {
    replace::file(path, |out| {
        serde_json::to_writer(&mut *out, standing)?;
        out.write_all(b"\n")
    })
    .with_context(|| format!("writing {}", path.display()))
}
