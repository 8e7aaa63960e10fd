//! libFuzzer over the targets of tests/fuzz: it watches which branches an input takes, and goes on from those that took
//! new ones.
//!
//! The compiler's own pass counts the branches, so that any rustc of the last years will do, and no other tool is
//! installed; the runtime comes with the crate libfuzzer-sys, and is C++.

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::super::Effort;
use crate::workspace::{Failed, Workspace};

/// Targets, and the longest inputs that are tried.
const TARGETS: [(&str, u32); 7] = [
    ("api", 512),
    ("decide", 2_048),
    ("list", 512),
    ("maps", 1_024),
    ("policy", 4_096),
    ("rates", 64),
    ("wire", 2_048),
];

/// Counters of branches and of what is compared, as libFuzzer reads them (clang's SanitizerCoverage), and every check
/// that a debug build has.
const FLAGS: [&str; 7] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];

/// An input that takes longer than this many seconds counts as one that never ends.
const ENDLESS: u32 = 20;

/// Each target for `THROTTLER_FUZZ_SECONDS`, 600 if that is not set. What makes one panic is put beside the crashers that
/// every later run replays.
pub(super) fn run(workspace: &Workspace, _: Effort) -> Result<()> {
    let seconds: u32 = match env::var("THROTTLER_FUZZ_SECONDS") {
        Ok(text) => text
            .parse()
            .with_context(|| format!("THROTTLER_FUZZ_SECONDS is `{text}`, not a number"))?,
        Err(_) => 600,
    };
    let binaries = build(workspace)?;
    for (target, longest) in TARGETS {
        fuzz(workspace, &binaries, target, longest, seconds)?;
    }
    Ok(())
}

/// Builds the targets in a directory of their own; where they are.
fn build(workspace: &Workspace) -> Result<std::path::PathBuf> {
    let compiler = env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let found = Command::new(&compiler)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ensure!(
        found.is_ok_and(|status| status.success()),
        "libFuzzer's runtime is C++, and there is no `{}`: run `apt-get install g++`, or name a compiler in CXX",
        compiler.display()
    );
    let host = host()?;
    let folder = workspace.target.join("fuzz");
    let status = workspace
        .cargo()
        .args(["build", "--release", "--package", "throttler-fuzz"])
        .args(["--features", "libfuzzer", "--bins"])
        // With a target named, the flags are not those of build scripts.
        .args(["--target", &host, "--target-dir"])
        .arg(&folder)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), Failed(status));
    Ok(folder.join(host).join("release"))
}

/// The triple of this machine.
fn host() -> Result<String> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("-vV")
        .output()
        .context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("`rustc -vV` names no host")
}

fn fuzz(
    workspace: &Workspace,
    binaries: &Path,
    target: &str,
    longest: u32,
    seconds: u32,
) -> Result<()> {
    let kept = workspace.root.join("tests/fuzz");
    let found = workspace.target.join("fuzz/corpus").join(target);
    let crashers = kept.join("crashers").join(target);
    for folder in [&found, &crashers] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    eprintln!("prove: fuzzing {target} for {seconds} s");
    let status = Command::new(binaries.join(target))
        // New inputs go to the first, the others are read alone.
        .args([&found, &kept.join("corpus").join(target), &crashers])
        .arg(format!("-artifact_prefix={}/", crashers.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={longest}"))
        .arg(format!("-timeout={ENDLESS}"))
        .args(["-rss_limit_mb=4096", "-verbosity=0", "-print_final_stats=1"])
        .status()
        .with_context(|| format!("cannot start the target {target}"))?;
    // An empty folder is no case; it is made anew by the next run.
    let _ = fs::remove_dir(&crashers);
    ensure!(
        status.success(),
        "{target} does not hold for an input that is now in {}: mend what it shows, and name it for that",
        crashers.display()
    );
    Ok(())
}
