//! `cargo xtask kernels`: the same smoke test on several kernels under qemu, and on the running one.

use anyhow::{Result, bail};
use clap::Args;

use crate::workspace::Workspace;

/// Arguments of `kernels`.
#[derive(Debug, Args)]
pub(crate) struct KernelsArgs {}

pub(crate) fn command(_: &Workspace, _: &KernelsArgs) -> Result<()> {
    bail!("not written yet")
}
