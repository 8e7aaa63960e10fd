//! One lock for what processes of the lab do to the host as a whole.

use std::{fs::File, os::fd::AsFd};

use anyhow::{Context, Result};

use crate::sys;

const PATH: &str = "/run/throttler-lab.lock";

/// Waits for the lock; it is held until the file is dropped.
pub(crate) fn host() -> Result<File> {
    let file = File::create(PATH).with_context(|| format!("cannot open {PATH}"))?;
    sys::lock_exclusive(file.as_fd()).with_context(|| format!("cannot lock {PATH}"))?;
    Ok(file)
}
