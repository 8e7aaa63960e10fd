//! The proof of privilege: the daemon in a lab, then the tests that load programs, all of them as a user that has
//! nothing but three capabilities.

mod confined;

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use self::confined::{Confined, NEEDED};
use super::{
    Effort,
    step::{Step, Tests},
};
use crate::workspace::{Failed, Workspace};

/// The targets whose tests load the program and need no network namespaces, which would take CAP_SYS_ADMIN.
const TARGETS: [&str; 2] = ["datapath", "differential"];
/// A test that does nothing special: where it fails without a capability, loading takes that.
const ANY: &str = "events::";

pub(super) fn steps(_: Effort) -> Vec<Step> {
    vec![
        Step::Tests(Tests {
            package: "throttler-userspace",
            target: Some("privilege"),
            filters: &[],
            settings: Vec::new(),
        }),
        Step::Work(run),
    ]
}

fn run(workspace: &Workspace, _: Effort) -> Result<()> {
    let binaries = build(workspace)?;
    let confined = Confined::new()?;
    for binary in &binaries {
        let binary = confined.copy(binary)?;
        // All of them: what would have to be left out would be named here.
        let status = confined.run(&binary, &["--include-ignored"], &NEEDED)?;
        ensure!(status.success(), Failed(status));
    }
    let first = confined.copy(binaries.first().context("no binary")?)?;
    for without in NEEDED {
        let others: Vec<_> = NEEDED.into_iter().filter(|one| *one != without).collect();
        let said = confined.output(&first, &[ANY], &others)?;
        let refused = ["Operation not permitted", "Permission denied"];
        ensure!(
            !said.status.success() && refused.iter().any(|text| said.text.contains(text)),
            "without {} the program is loaded all the same, or fails for another reason:\n{}",
            without.name,
            said.text
        );
        eprintln!(
            "prove: without {} the kernel refuses the program",
            without.name
        );
    }
    Ok(())
}

/// The test binaries.
fn build(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut cargo = workspace.cargo();
    cargo.args(["test", "--no-run", "--package", "throttler-userspace"]);
    cargo.args(TARGETS.map(|target| ["--test", target]).as_flattened());
    let mut cargo = cargo
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut found = TARGETS.map(|_| None);
    if let Some(messages) = cargo.stdout.take() {
        for line in BufReader::new(messages).lines() {
            let line = line.context("cannot read what cargo built")?;
            for (target, found) in TARGETS.iter().zip(&mut found) {
                *found = executable(&line, target).or(found.take());
            }
        }
    }
    let status = cargo.wait().context("cannot wait for cargo")?;
    ensure!(status.success(), Failed(status));
    let found = found.into_iter().zip(TARGETS);
    found
        .map(|(path, target)| path.with_context(|| format!("cargo built no test {target}")))
        .collect()
}

/// The path in cargo's message about a target's binary; other messages give none.
fn executable(message: &str, target: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let test = message["profile"]["test"] == true && message["target"]["name"] == target;
    test.then(|| message["executable"].as_str().map(PathBuf::from))?
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::executable;

    #[test]
    fn a_test_is_told_from_a_benchmark_of_the_same_name() {
        let message = |test: bool| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"datapath"}},"profile":{{"test":{test}}},"executable":"/t/datapath-1"}}"#
            )
        };
        assert_eq!(executable(&message(false), "datapath"), None);
        let found = executable(&message(true), "datapath");
        assert_eq!(found.as_deref(), Some(Path::new("/t/datapath-1")));
        assert_eq!(executable(&message(true), "differential"), None);
        assert_eq!(executable("not JSON", "datapath"), None);
    }
}
