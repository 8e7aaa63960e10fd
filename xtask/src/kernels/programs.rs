//! What runs in every guest: the smoke test and the `throttler` that it starts, built once.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::debian::output;
use crate::workspace::{Failed, Workspace};

/// Paths of executables. The smoke test has the path of `throttler` compiled in, so guests have both where the host
/// has them.
pub(super) struct Programs {
    pub(super) smoke: PathBuf,
    pub(super) throttler: PathBuf,
}

impl Programs {
    /// Builds both: for release, or else as `cargo xtask test` does, which most likely has.
    pub(super) fn build(workspace: &Workspace, release: bool) -> Result<Self> {
        let mut cargo = workspace.cargo();
        cargo.args([
            "test",
            "--no-run",
            "--package",
            "throttler-userspace",
            "--test",
            "smoke",
        ]);
        if release {
            cargo.arg("--release");
        }
        let built = cargo
            .arg("--message-format=json-render-diagnostics")
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start cargo")?;
        ensure!(built.status.success(), Failed(built.status));
        let messages = String::from_utf8_lossy(&built.stdout);
        let path = |name: &str, kind: &str| {
            let found = messages
                .lines()
                .find_map(|line| executable(line, name, kind));
            found.with_context(|| format!("cargo built no {kind} named {name}"))
        };
        Ok(Self {
            smoke: path("smoke", "test")?,
            throttler: path("throttler", "bin")?,
        })
    }

    /// Puts both, without what only debuggers read, below `root`.
    pub(super) fn copy(&self, root: &Path) -> Result<()> {
        for path in [&self.smoke, &self.throttler] {
            let to = below(root, path);
            make_parent(&to)?;
            output(
                Command::new("strip")
                    .arg("--strip-debug")
                    .arg("-o")
                    .arg(&to)
                    .arg(path),
            )?;
        }
        Ok(())
    }
}

/// The same absolute path in another tree.
pub(super) fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

pub(super) fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().context("a path without a parent")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))
}

/// The path in cargo's message about such a target; other messages give none.
fn executable(message: &str, name: &str, kind: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let target = &message["target"];
    let ours = message["reason"] == "compiler-artifact"
        && target["name"] == name
        && target["kind"][0] == kind;
    ours.then(|| message["executable"].as_str().map(PathBuf::from))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_told_apart() {
        let message = |name, kind| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}","kind":["{kind}"]}},"executable":"/t/{kind}"}}"#
            )
        };
        let found = |kind| executable(&message("throttler", kind), "throttler", "bin");
        assert_eq!(found("bin").as_deref(), Some(Path::new("/t/bin")));
        assert_eq!(found("lib"), None);
        assert_eq!(executable("not JSON", "throttler", "bin"), None);
        assert_eq!(
            below(Path::new("/root"), Path::new("/usr/bin/x")),
            Path::new("/root/usr/bin/x")
        );
    }
}
