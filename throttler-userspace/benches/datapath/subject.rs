//! Our program, loaded and published to as the daemon does it, pinned but attached nowhere.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use throttler::compile;
use throttler::config::{self, Config};
use throttler::kernel::load::{self, Loaded, PROGRAM};
use throttler::kernel::pins::Pins;
use throttler::kernel::{monotonic, publish, sys};
use throttler_lab::Netns;

const COMMAND_LIMIT: Duration = Duration::from_secs(60);

/// What pins are named after, and what [`attach`] attaches to in a namespace of its own.
pub(crate) const INTERFACE: &str = "lo";

/// A policy from its text; files that it names lie in `dir`.
pub(crate) fn parse(policy: &str, dir: &Path) -> Result<Config> {
    config::parse("benchmark", policy, dir, jiff::Timestamp::now())
        .map_err(|error| anyhow!("{}", error.render(false)))
}

/// Loads the program with maps pinned below `bpffs`, and puts the policy in force.
pub(crate) fn load(policy: &str, bpffs: &Path) -> Result<Loaded> {
    let config = parse(policy, Path::new(""))?;
    let loaded = load::load(&Pins::of(bpffs, INTERFACE), PROGRAM, config.max_sources)?;
    let policy = compile::compile(&config, None, monotonic::now())?;
    publish::publish(&loaded.tables, &policy)?;
    Ok(loaded)
}

/// The command, as built beside this benchmark.
pub(crate) fn binary() -> PathBuf {
    env!("CARGO_BIN_EXE_throttler").into()
}

/// Attaches the program whose maps are pinned below `bpffs`, for as long as what is answered lives: commands
/// take pins without a link for those of a start that failed.
pub(crate) fn attach(program: BorrowedFd<'_>, bpffs: &Path) -> Result<(Netns, OwnedFd)> {
    let netns = Netns::new("bench-a")?;
    let attach = || {
        let index = sys::interface_index(INTERFACE).context("a namespace without lo")?;
        Ok::<_, anyhow::Error>(sys::attach_xdp(program, index, sys::XDP_GENERIC)?)
    };
    let link = netns.run(attach)?;
    sys::pin(link.as_fd(), &Pins::of(bpffs, INTERFACE).link()).context("pinning the link")?;
    Ok((netns, link))
}

/// What a command says of the program whose maps are pinned below `bpffs`.
pub(crate) fn command(bpffs: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(binary());
    command.arg("--bpffs").arg(bpffs).args(arguments);
    let output = throttler_lab::run(&mut command, COMMAND_LIMIT)?;
    ensure!(
        output.status.success(),
        "`throttler {}`: {}",
        arguments.join(" "),
        output.stderr
    );
    Ok(output.stdout)
}

/// Runs a command whose output nobody reads: what a pipe and its reader cost is not the command's.
pub(crate) fn quietly(bpffs: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(binary());
    command.arg("--bpffs").arg(bpffs).args(arguments);
    let status = command.stdout(Stdio::null()).status()?;
    ensure!(
        status.success(),
        "`throttler {}`: {status}",
        arguments.join(" ")
    );
    Ok(())
}
