//! `cargo xtask`: sets the BPF toolchain up, builds, runs, tests, measures and shows Throttler.

mod bench;
mod build;
mod captures;
mod demo;
mod dist;
mod kernels;
mod prove;
mod run;
mod setup;
mod test;
mod toolchain;
mod workspace;

use std::{ffi::OsString, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::workspace::{Failed, Workspace};

#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", about, disable_help_subcommand = true)]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find or install what the XDP program's build needs
    Setup,
    /// Set up, build the release binary and print its path
    Build,
    /// Set up, build and run the daemon (needs root): cargo xtask run -- --iface IF
    Run {
        /// What `throttler run` takes
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Set up and run all tests, the end-to-end ones included (needs root)
    Test {
        /// What `cargo test` takes, such as a filter, or `-- --nocapture`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Measure what a packet costs, and write docs/benchmarks (needs root)
    Bench(bench::BenchArgs),
    /// Show that it holds what it promises (needs root)
    Prove(prove::ProveArgs),
    /// Run the same smoke test on several kernels, under qemu, and on this one (needs root)
    Kernels(kernels::KernelsArgs),
    /// Make a Debian package and a tarball below target/dist
    Dist(dist::DistArgs),
    /// Show a flood being stopped (needs root)
    Demo,
    /// Take the captures of README.md and docs/captures anew (needs root)
    Captures(captures::CapturesArgs),
}

fn main() -> ExitCode {
    match execute(Xtask::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<Failed>() {
            // It has already said why.
            Some(failed) => failed.code(),
            None => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

fn execute(command: Command) -> Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Command::Setup => setup::command(&workspace),
        Command::Build => build::command(&workspace),
        Command::Run { args } => run::command(&workspace, &args),
        // Verbatim, not as clap sees it: clap takes the `--` out of `cargo xtask test -- --nocapture`.
        Command::Test { .. } => {
            test::command(&workspace, &std::env::args_os().skip(2).collect::<Vec<_>>())
        }
        Command::Bench(args) => bench::command(&workspace, &args),
        Command::Prove(args) => prove::command(&workspace, &args),
        Command::Kernels(args) => kernels::command(&workspace, &args),
        Command::Dist(args) => dist::command(&workspace, &args),
        Command::Demo => demo::command(&workspace),
        Command::Captures(args) => captures::command(&workspace, &args),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Command, Xtask};

    #[test]
    fn the_command_line_is_well_formed() {
        Xtask::command().debug_assert();
    }

    #[test]
    fn run_passes_options_through() {
        for line in [
            &["xtask", "run", "--", "--iface", "eth0", "-c", "a b"][..],
            &["xtask", "run", "--iface", "eth0", "-c", "a b"][..],
        ] {
            let parsed = Xtask::try_parse_from(line).expect("arguments of the daemon");
            let Command::Run { args } = parsed.command else {
                panic!("{parsed:?}");
            };
            assert_eq!(args, ["--iface", "eth0", "-c", "a b"]);
        }
    }

    #[test]
    fn test_takes_what_cargo_test_takes() {
        for line in [
            &["xtask", "test"][..],
            &["xtask", "test", "buckets", "-p", "throttler-common"][..],
            &["xtask", "test", "--", "--nocapture"][..],
        ] {
            let parsed = Xtask::try_parse_from(line).expect("arguments of cargo test");
            assert!(matches!(parsed.command, Command::Test { .. }), "{parsed:?}");
        }
    }
}
