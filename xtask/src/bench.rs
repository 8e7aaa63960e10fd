//! `cargo xtask bench`: what a packet costs, beside the floor of an empty program.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result, ensure};

use crate::{
    setup,
    workspace::{Workspace, is_root},
};

pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    ensure!(
        is_root(),
        "the benchmark loads XDP programs, which needs root: `sudo -E env \"PATH=$PATH\" cargo xtask bench`"
    );
    eprintln!("{}", setup::run(workspace)?);
    let error = workspace
        .cargo()
        .args([
            "bench",
            "--package",
            "throttler-userspace",
            "--bench",
            "datapath",
        ])
        .exec();
    Err(error).context("cannot start cargo")
}
