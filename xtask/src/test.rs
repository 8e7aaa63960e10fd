//! `cargo xtask test`: every test of the workspace.

use std::{ffi::OsString, os::unix::process::CommandExt};

use anyhow::{Context, Result, ensure};

use crate::{
    setup,
    workspace::{Workspace, is_root},
};

pub(crate) fn command(workspace: &Workspace, args: &[OsString]) -> Result<()> {
    ensure!(
        is_root(),
        "the tests make network namespaces and attach XDP programs, which needs root: \
         `sudo -E env \"PATH=$PATH\" cargo xtask test`"
    );
    eprintln!("{}", setup::run(workspace)?);
    let swept = throttler_lab::sweep().context("cannot remove what earlier tests left")?;
    if !swept.is_empty() {
        eprintln!("test: removed what killed tests left: {}", swept.join(", "));
    }
    // The dev profile builds sooner, and its overflow checks are worth having. Cargo takes our place, so that the last
    // lines, the status and Ctrl-C are its own.
    let error = workspace
        .cargo()
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(args)
        .exec();
    Err(error).context("cannot start cargo")
}
