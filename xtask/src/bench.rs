//! `cargo xtask bench`: what a packet costs, beside an empty program and what Debian ships.

mod packages;

use std::{os::unix::process::CommandExt, path::PathBuf};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use crate::{
    setup,
    workspace::{Workspace, is_root},
};

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Few rounds and packets, to see that it works
    #[arg(long)]
    quick: bool,
    /// One part alone
    #[arg(long, value_enum, value_name = "PART")]
    only: Option<Part>,
    /// Where the results go [default: docs/benchmarks of a full run, target/benchmarks of any other]
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// The cost of a packet in the kernel
    Datapath,
    /// Floods on a veth pair
    Live,
}

impl BenchArgs {
    /// A part, or a quick run, must not take the place of the results that the repository keeps.
    fn out(&self, workspace: &Workspace) -> PathBuf {
        match &self.out {
            // The benchmark runs in another directory.
            Some(out) => std::path::absolute(out).unwrap_or_else(|_| out.clone()),
            None if self.quick || self.only.is_some() => workspace.target.join("benchmarks"),
            None => workspace.root.join("docs/benchmarks"),
        }
    }

    fn passed_on(&self, workspace: &Workspace) -> Vec<String> {
        let mut passed = vec!["--out".to_owned()];
        passed.push(self.out(workspace).display().to_string());
        if self.quick {
            passed.push("--quick".to_owned());
        }
        if let Some(part) = self.only.and_then(|part| part.to_possible_value()) {
            passed.extend(["--only".to_owned(), part.get_name().to_owned()]);
        }
        passed
    }
}

pub(crate) fn command(workspace: &Workspace, args: &BenchArgs) -> Result<()> {
    ensure!(
        is_root(),
        "the benchmark loads XDP programs, which needs root: `sudo -E env \"PATH=$PATH\" cargo xtask bench`"
    );
    eprintln!("{}", setup::run(workspace)?);
    packages::install_missing();
    let mut cargo = workspace.cargo();
    cargo
        .args(["bench", "--package", "throttler-userspace"])
        .args(["--bench", "datapath", "--"])
        .args(args.passed_on(workspace));
    Err(cargo.exec()).context("cannot start cargo")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_run_replaces_the_kept_results() {
        let workspace = Workspace {
            root: "/r".into(),
            target: "/t".into(),
        };
        let mut args = BenchArgs {
            quick: false,
            only: None,
            out: None,
        };
        assert_eq!(args.passed_on(&workspace), ["--out", "/r/docs/benchmarks"]);
        args.only = Some(Part::Live);
        assert_eq!(
            args.passed_on(&workspace),
            ["--out", "/t/benchmarks", "--only", "live"]
        );
        args.out = Some("/elsewhere".into());
        args.quick = true;
        assert_eq!(
            args.passed_on(&workspace),
            ["--out", "/elsewhere", "--quick", "--only", "live"]
        );
    }
}
