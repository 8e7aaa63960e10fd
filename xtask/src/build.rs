//! `cargo xtask build`: the release binary.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::Stdio,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    setup,
    workspace::{Failed, Workspace},
};

pub(crate) fn command(workspace: &Workspace) -> Result<()> {
    let binary = throttler(workspace)?;
    println!("{}", binary.display());
    Ok(())
}

/// Sets up, builds `throttler` for release and gives its path; says what it does on stderr.
pub(crate) fn throttler(workspace: &Workspace) -> Result<PathBuf> {
    binary(workspace, &["--release"])
}

/// The same as the tests have it, which builds sooner.
pub(crate) fn unoptimised(workspace: &Workspace) -> Result<PathBuf> {
    binary(workspace, &[])
}

fn binary(workspace: &Workspace, profile: &[&str]) -> Result<PathBuf> {
    eprintln!("{}", setup::run(workspace)?);
    // Cargo says where the binary is: a configured `build.target` puts it elsewhere than target/release.
    let mut cargo = workspace
        .cargo()
        .args(["build", "--package", "throttler-userspace"])
        .args(profile)
        .args(["--bin", "throttler"])
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut binary = None;
    if let Some(messages) = cargo.stdout.take() {
        for line in BufReader::new(messages).lines() {
            let line = line.context("cannot read what cargo built")?;
            binary = executable(&line).or(binary);
        }
    }
    let status = cargo.wait().context("cannot wait for cargo")?;
    ensure!(status.success(), Failed(status));
    binary.context("cargo built no binary named throttler")
}

/// The path in cargo's message about the binary `throttler`; other messages give none.
fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let ours = message["reason"] == "compiler-artifact" && message["target"]["name"] == "throttler";
    ours.then(|| message["executable"].as_str().map(PathBuf::from))?
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::executable;

    #[test]
    fn the_binary_is_told_from_the_library_of_the_same_name() {
        let library =
            r#"{"reason":"compiler-artifact","target":{"name":"throttler"},"executable":null}"#;
        let binary = r#"{"reason":"compiler-artifact","target":{"name":"throttler"},"executable":"/t/release/throttler"}"#;
        assert_eq!(executable(library), None);
        assert_eq!(
            executable(binary).as_deref(),
            Some(Path::new("/t/release/throttler"))
        );
        assert_eq!(
            executable(r#"{"reason":"build-finished","success":true}"#),
            None
        );
        assert_eq!(executable("not JSON"), None);
    }
}
