//! One daemon an interface: an advisory lock that ends with its process.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cli::failure::{Failure, Status};

fn path(state_dir: &Path, iface: &str) -> PathBuf {
    state_dir.join(format!("{iface}.lock"))
}

/// Locks every interface for this process; the locks end with the returned files.
///
/// # Errors
/// Another daemon holds one, or the state directory cannot be written.
pub fn take_all(state_dir: &Path, ifaces: &[String]) -> Result<Vec<File>> {
    std::fs::create_dir_all(state_dir).with_context(|| {
        format!(
            "making the state directory {} (--state-dir)",
            state_dir.display()
        )
    })?;
    ifaces.iter().map(|iface| take(state_dir, iface)).collect()
}

fn take(state_dir: &Path, iface: &str) -> Result<File> {
    let path = path(state_dir, iface);
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| {
            format!(
                "opening the lock {} as user {}; if another user's daemon keeps its state there, say --user, or another --state-dir",
                path.display(),
                crate::kernel::sys::effective_user()
            )
        })?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = pid(&mut file).map_or_else(String::new, |pid| format!(" (process {pid})"));
            let message = format!(
                "another daemon{holder} serves {iface}: end it first, or send it SIGHUP to reload its policy"
            );
            return Err(Failure::new(Status::Runtime, message).into());
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).context(format!("locking {}", path.display()));
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())?;
    Ok(file)
}

/// The process that serves an interface, if one does.
#[must_use]
pub fn holder(state_dir: &Path, iface: &str) -> Option<u32> {
    let mut file = File::open(path(state_dir, iface)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => pid(&mut file),
        _ => None,
    }
}

/// Whether some daemon uses this state directory.
pub(super) fn is_any_held(state_dir: &Path) -> bool {
    let files = std::fs::read_dir(state_dir).into_iter().flatten().flatten();
    let mut names = files.filter_map(|file| file.file_name().into_string().ok());
    names.any(|name| {
        let iface = name.strip_suffix(".lock");
        iface.is_some_and(|iface| holder(state_dir, iface).is_some())
    })
}

fn pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
