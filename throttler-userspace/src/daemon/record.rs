//! `<state-dir>/<interface>.policy.toml`: the policy that was last in force there for good, that is without a trial or
//! confirmed. What `run --confirm` puts back outlives the daemon in it, list files and flags included, as a policy file
//! that anybody may read.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, Result};

use super::policy::Policy;
use crate::{config, replace};

/// The file of an interface.
pub(super) fn path(state_dir: &Path, iface: &str) -> PathBuf {
    state_dir.join(format!("{iface}.policy.toml"))
}

/// Notes what is in force for good.
///
/// # Errors
/// The file cannot be written.
pub(super) fn save(state_dir: &Path, iface: &str, policy: &Policy) -> Result<()> {
    let path = path(state_dir, iface);
    let text = format!(
        "# The policy that is in force on {iface}, as `throttler run --confirm` puts it back.\n# Written by the daemon; \
         changes have no effect.\n\n{}",
        policy.config.to_toml()
    );
    // A daemon that starts again and again has nothing new to write.
    if std::fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
        return Ok(());
    }
    replace::file(&path, |out| out.write_all(text.as_bytes()))
        .with_context(|| format!("writing {}", path.display()))
}

/// What was noted; `None`, with a word in the log, where it cannot be used.
pub(super) fn load(state_dir: &Path, iface: &str) -> Option<Rc<Policy>> {
    let path = path(state_dir, iface);
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        Err(error) => {
            log::warn!("{iface}: the policy before cannot be put back: reading {name}: {error}");
            return None;
        }
    };
    // Relative to nothing: prefixes of list files are written out.
    match config::parse(&name, &text, Path::new(""), jiff::Timestamp::now()) {
        Ok(config) => Some(Rc::new(Policy { name, config })),
        Err(error) => {
            log::warn!("{iface}: the policy before cannot be put back: {name}: {error}");
            None
        }
    }
}

/// Forgets it: nothing is in force there.
///
/// # Errors
/// The file is there and cannot be removed.
pub(super) fn remove(state_dir: &Path, iface: &str) -> Result<()> {
    let path = path(state_dir, iface);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
