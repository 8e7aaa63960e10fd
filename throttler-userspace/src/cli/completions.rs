//! `throttler completions`: out of the same definitions that the command line is parsed by.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "throttler", &mut script);
    // In one piece: a pipe that closes early is an error, not a panic.
    let written = std::io::stdout().write_all(&script);
    written.context("writing the completions")
}
