//! `cargo xtask demo`.

use anyhow::{Result, bail};

use crate::{build, workspace::Workspace};

pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    build::throttler(workspace)?;
    bail!("demo is not built yet")
}
