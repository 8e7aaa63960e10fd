//! The proof of coverage: which lines of the core and of the daemon the tests run, and why the rest is not run.
//!
//! The XDP program's own lines cannot be counted (no profile leaves the kernel): what it shares with the host is, and
//! the differential tests show that both do the same.

mod lcov;
mod reasons;
mod report;
mod tools;

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{self, Command},
};

use anyhow::{Context, Result, ensure};

use self::{lcov::Lines, reasons::Reasons};
use super::{Effort, step::Step};
use crate::workspace::{Failed, Workspace};

/// What is measured, below the root.
const MEASURED: [&str; 2] = ["throttler-common/src/", "throttler-userspace/src/"];
/// Why lines are not run, by file.
const REASONS: &str = "tests/coverage.reasons";
const REPORT: &str = "docs/coverage.md";

/// The models of the table (loom, shuttle) are left out: they run for minutes, and what they run its own tests run, too.
const TESTS: [&[&str]; 3] = [
    &[
        "--package",
        "throttler-common",
        "--lib",
        "--test",
        "table",
        "--test",
        "arithmetic",
    ],
    &["--package", "throttler-userspace", "--tests"],
    &["--package", "throttler-fuzz", "--tests"],
];

pub(super) fn steps(_: Effort) -> Vec<Step> {
    vec![Step::Work(run)]
}

fn run(workspace: &Workspace, effort: Effort) -> Result<()> {
    let reasons = Reasons::read(&workspace.root.join(REASONS))?;
    let tools = tools::find()?;
    let target = workspace.target.join("coverage");
    let profiles = Profiles::new()?;
    let mut objects = Vec::new();
    for tests in TESTS {
        objects.extend(test(workspace, tests, &target, &profiles.0)?);
    }
    let merged = target.join("all.profdata");
    tools.merge(&profiles.0, &merged)?;
    objects.sort();
    objects.dedup();
    let lcov = tools.export(&merged, &objects)?;
    let lines = lcov::read(&lcov, &workspace.root, &MEASURED)?;
    ensure!(
        !lines.is_empty(),
        "llvm-cov knows none of the files in {MEASURED:?}"
    );
    let text = report::markdown(&lines, &reasons);
    print!("{}", report::summary(&lines));
    let path = match effort {
        Effort::Short => target.join("coverage.md"),
        Effort::Long => workspace.root.join(REPORT),
    };
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    println!("every line that no test runs: {}", path.display());
    let problems = reasons.problems(&lines);
    ensure!(
        problems.is_empty(),
        "lines that no test runs have no reason in {REASONS}:\n  {}",
        problems.join("\n  ")
    );
    Ok(())
}

/// Where the programs leave what they counted; removed on drop. In no target directory: tests start some of them as a user
/// who may not look into one.
struct Profiles(PathBuf);

impl Profiles {
    fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("throttler-coverage-{}", process::id()));
        let context = || format!("cannot make {}", path.display());
        fs::create_dir(&path).with_context(context)?;
        // As /tmp: everybody writes, nobody removes another's.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o1777)).with_context(context)?;
        Ok(Self(path))
    }
}

impl Drop for Profiles {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("prove: cannot remove {}: {error}", self.0.display());
        }
    }
}

/// Runs tests in a build that counts, and gives the programs that it was made of.
fn test(
    workspace: &Workspace,
    tests: &[&str],
    target: &Path,
    profiles: &Path,
) -> Result<Vec<String>> {
    let cargo = || {
        let mut cargo = workspace.cargo();
        cargo
            .arg("test")
            .args(tests)
            .env("CARGO_TARGET_DIR", target)
            .env("RUSTFLAGS", "-Cinstrument-coverage")
            // %p: a daemon that a test starts has a file of its own; %m: by program.
            .env("LLVM_PROFILE_FILE", profiles.join("%p-%m.profraw"));
        cargo
    };
    let objects = executables(cargo().args(["--no-run", "--message-format=json"]))?;
    let status = cargo()
        .arg("--no-fail-fast")
        .status()
        .context("cannot start cargo")?;
    ensure!(status.success(), Failed(status));
    Ok(objects)
}

/// The programs that a `cargo --message-format=json` makes.
fn executables(cargo: &mut Command) -> Result<Vec<String>> {
    let output = cargo
        .stderr(process::Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), Failed(output.status));
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(executable).collect())
}

fn executable(message: &str) -> Option<String> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    message["executable"].as_str().map(str::to_owned)
}

/// Files by their path below the root.
type Files = std::collections::BTreeMap<String, Lines>;

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn libraries_are_no_programs() {
        let program = r#"{"reason":"compiler-artifact","executable":"/t/deps/loom-1"}"#;
        assert_eq!(executable(program).as_deref(), Some("/t/deps/loom-1"));
        assert_eq!(
            executable(r#"{"reason":"compiler-artifact","executable":null}"#),
            None
        );
        assert_eq!(executable("running 3 tests"), None);
    }
}
