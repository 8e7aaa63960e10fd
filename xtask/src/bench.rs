//! `cargo xtask bench`.

use anyhow::{Result, bail};

use crate::{build, workspace::Workspace};

pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    build::throttler(workspace)?;
    bail!("bench is not built yet")
}
