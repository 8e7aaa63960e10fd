//! `cargo xtask run`: the daemon, as built from this tree.

use std::{ffi::OsString, os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    build,
    workspace::{Workspace, is_root},
};

pub(crate) fn command(workspace: &Workspace, args: &[OsString]) -> Result<()> {
    ensure!(
        is_root(),
        "attaching XDP programs needs root: `sudo \"$(cargo xtask build)\" run --iface IF`"
    );
    let binary = build::throttler(workspace)?;
    // The daemon takes our place, so that signals and the exit status are its own.
    let error = Command::new(&binary).arg("run").args(args).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}
