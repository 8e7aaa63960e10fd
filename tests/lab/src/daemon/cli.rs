//! The command line against a daemon: raw, as JSON, and the counters that tests look at most.

use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Daemon;
use crate::{
    counters::Counters,
    process::{self, CliOutput},
    topology::SERVER_IFACE,
};

const CLI_LIMIT: Duration = Duration::from_secs(30);
const POLL_STEP: Duration = Duration::from_millis(5);

impl Daemon {
    /// A command of the same binary with the same directories, in the server's namespace, to be run by the caller.
    pub fn cli_command(&self, args: &[&str]) -> Command {
        let mut command = self.netns.command(&self.binary);
        // The daemon must not see what the shell around the test has set.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("THROTTLER_"))
        {
            command.env_remove(name);
        }
        // Nor be another one where the test was started over ssh.
        command.env("THROTTLER_NO_LOCKOUT_GUARD", "true");
        command.args(args);
        command
            .arg("--bpffs")
            .arg(self.bpffs())
            .arg("--state-dir")
            .arg(self.state_dir());
        command.arg("--socket").arg(self.socket());
        command
    }

    /// Runs a command of the CLI to its end, whatever its status.
    ///
    /// # Errors
    /// If it cannot be started or does not end within 30 s.
    pub fn cli(&self, args: &[&str]) -> Result<CliOutput> {
        process::run(&mut self.cli_command(args), CLI_LIMIT)
    }

    /// Runs a command of the CLI that must succeed and print JSON; `args` asks for it (`-o json`).
    ///
    /// # Errors
    /// If it fails or prints something else.
    pub fn json(&self, args: &[&str]) -> Result<Value> {
        let output = self.cli(args)?;
        let what = args.join(" ");
        ensure!(
            output.status.success(),
            "`throttler {what}`: {}\n{}",
            output.status,
            output.stderr
        );
        serde_json::from_str(&output.stdout)
            .with_context(|| format!("`throttler {what}` printed no JSON but:\n{}", output.stdout))
    }

    /// The counters of the server's interface.
    ///
    /// # Errors
    /// If they cannot be dumped or are not as the contract says.
    pub fn counters(&self) -> Result<Counters> {
        Counters::from_json(
            &self.json(&["dump", "counters", "-o", "json"])?,
            SERVER_IFACE,
        )
    }

    /// Dumps counters, with pauses of 5 ms, until `done` holds for them; gives those.
    ///
    /// # Errors
    /// If they cannot be dumped, or the time is over; the error has the last counters.
    pub fn wait_counters(
        &self,
        mut done: impl FnMut(&Counters) -> bool,
        timeout: Duration,
    ) -> Result<Counters> {
        let end = Instant::now() + timeout;
        loop {
            let counters = self.counters()?;
            if done(&counters) {
                return Ok(counters);
            }
            ensure!(
                Instant::now() < end,
                "the counters are not as awaited after {timeout:?}: {counters:#?}"
            );
            thread::sleep(POLL_STEP);
        }
    }
}
