//! What `throttler check` says that a source takes: the difference between two sizes of the table.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::figures::Fact;
use crate::figures::targets::work::SLOT_BYTES;
use crate::subject;

const SIZES: [u64; 2] = [1 << 20, 1 << 21];
const FAMILIES: u64 = 2;
const LIMIT: Duration = Duration::from_secs(10);

pub(super) fn fact() -> Fact {
    Fact {
        name: SLOT_BYTES,
        unit: "bytes",
        value: bytes().map_err(|error| format!("{error:#}")),
    }
}

fn bytes() -> Result<f64> {
    let [small, large] = [mebibytes(SIZES[0])?, mebibytes(SIZES[1])?];
    let more = (large.saturating_sub(small)) << 20;
    Ok(more as f64 / ((SIZES[1] - SIZES[0]) * FAMILIES) as f64)
}

fn mebibytes(sources: u64) -> Result<u64> {
    let dir = TempDir::new()?;
    let path = dir.path().join("policy.toml");
    fs::write(&path, format!("[throttler]\nmax_sources = {sources}\n"))?;
    let mut check = std::process::Command::new(subject::binary());
    let output = throttler_lab::run(check.arg("check").arg(&path), LIMIT)?;
    ensure!(
        output.status.success(),
        "`throttler check`: {}",
        output.stderr
    );
    let said = output
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("map memory: "));
    let said = said.and_then(|said| said.split_once(" MiB"));
    let (number, _) = said.context("`throttler check` states no map memory")?;
    Ok(number.parse()?)
}
