//! What a proof is made of.

use anyhow::{Context, Result, ensure};

use super::Effort;
use crate::workspace::{Failed, Workspace};

/// One part of a proof.
pub(super) enum Step {
    /// Tests of the workspace, which `cargo xtask test` runs, too.
    Tests(Tests),
    /// The same in the profile `soak`: optimised, with every check of a debug build.
    Soak(Tests),
    /// Anything else.
    Work(fn(&Workspace, Effort) -> Result<()>),
}

/// A run of `cargo test`.
pub(super) struct Tests {
    /// `throttler-common`, ...
    pub(super) package: &'static str,
    /// The test target; the library's own tests if none.
    pub(super) target: Option<&'static str>,
    /// Names, or parts of them; all if empty.
    pub(super) filters: &'static [&'static str],
    /// Environment variables that say how many cases.
    pub(super) settings: Vec<(&'static str, String)>,
}

impl Step {
    /// Does it, and says on stderr what.
    ///
    /// # Errors
    /// What did not hold; [`Failed`] where a command has said it.
    pub(super) fn run(&self, workspace: &Workspace, effort: Effort) -> Result<()> {
        match self {
            Self::Tests(tests) => tests.run(workspace, "test"),
            Self::Soak(tests) => tests.run(workspace, "soak"),
            Self::Work(work) => work(workspace, effort),
        }
    }
}

impl Tests {
    fn run(&self, workspace: &Workspace, profile: &str) -> Result<()> {
        let mut cargo = workspace.cargo();
        cargo.args(["test", "--profile", profile, "--package", self.package]);
        match self.target {
            Some(target) => cargo.args(["--test", target]),
            None => cargo.arg("--lib"),
        };
        // What a test prints says how much it tried.
        cargo.arg("--").arg("--show-output").args(self.filters);
        for (name, value) in &self.settings {
            eprintln!("prove: {name}={value}");
            cargo.env(name, value);
        }
        let status = cargo.status().context("cannot start cargo")?;
        ensure!(status.success(), Failed(status));
        Ok(())
    }
}
