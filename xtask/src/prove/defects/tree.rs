//! A copy of the tree to put defects into, with a target directory of its own that later runs build on.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::patch::Patch;
use crate::workspace::{Failed, Workspace};

/// Lines of a failed command's output to show.
const TAIL: usize = 40;

pub(super) struct Tree {
    root: PathBuf,
    target: PathBuf,
}

/// What became of a command.
pub(super) struct Outcome {
    pub(super) success: bool,
    /// Both streams, as they came.
    pub(super) output: String,
}

impl Outcome {
    pub(super) fn tail(&self) -> String {
        let lines: Vec<&str> = self.output.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }
}

impl Tree {
    /// Copies what git knows, as it is now; files that are the same stay untouched, so that cargo does not build
    /// them again.
    pub(super) fn copy(workspace: &Workspace) -> Result<Self> {
        let tree = Self {
            root: workspace.target.join("defects/tree"),
            target: workspace.target.join("defects/target"),
        };
        let listed = Command::new("git")
            .current_dir(&workspace.root)
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start git")?;
        ensure!(listed.status.success(), Failed(listed.status));
        let names = String::from_utf8(listed.stdout).context("a file's name is no text")?;
        let names: Vec<&str> = names.split('\0').filter(|name| !name.is_empty()).collect();
        for name in &names {
            copy(&workspace.root.join(name), &tree.root.join(name))?;
        }
        tree.remove_others(&names)?;
        fs::create_dir_all(&tree.target)
            .with_context(|| format!("cannot make {}", tree.target.display()))?;
        // The toolchain that setup recorded is this tree's, too.
        let tools = tree.target.join("bpf-tools");
        if !tools.exists() {
            symlink(workspace.tools(), &tools)
                .with_context(|| format!("cannot link {}", tools.display()))?;
        }
        Ok(tree)
    }

    /// Files that an earlier copy had, or a defect made.
    fn remove_others(&self, names: &[&str]) -> Result<()> {
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let path = entry?.path();
                if path.is_dir() && !path.is_symlink() {
                    folders.push(path);
                    continue;
                }
                let name = path.strip_prefix(&self.root).ok().and_then(Path::to_str);
                if name.is_none_or(|name| !names.contains(&name)) {
                    fs::remove_file(&path)
                        .with_context(|| format!("cannot remove {}", path.display()))?;
                }
            }
        }
        Ok(())
    }

    /// Fails if the patch no longer fits.
    pub(super) fn check(&self, patch: &Patch) -> Result<()> {
        self.git(&["--check"], patch)
    }

    pub(super) fn apply(&self, patch: &Patch) -> Result<()> {
        self.git(&[], patch)
    }

    pub(super) fn revert(&self, patch: &Patch) -> Result<()> {
        self.git(&["--reverse"], patch)
    }

    fn git(&self, options: &[&str], patch: &Patch) -> Result<()> {
        let output = Command::new("git")
            .current_dir(&self.root)
            // The copy lies inside the tree's own repository, whose paths it would take the patch's for.
            .env(
                "GIT_CEILING_DIRECTORIES",
                self.root.parent().unwrap_or(&self.root),
            )
            .arg("apply")
            .args(options)
            .arg(&patch.path)
            .output()
            .context("cannot start git")?;
        ensure!(
            output.status.success(),
            "{} does not apply any more: {}",
            patch.path.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }

    /// Runs a command of a patch.
    pub(super) fn run(&self, command: &str) -> Result<Outcome> {
        let mut shell = Command::new("sh");
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            // `cargo run` describes xtask in these.
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                shell.env_remove(&name);
            }
        }
        let output = shell
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .args(["-c", &format!("exec 2>&1; {command}")])
            .stdin(Stdio::null())
            .output()
            .context("cannot start sh")?;
        Ok(Outcome {
            success: output.status.success(),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
        })
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // Deleted, but not yet for git.
    let Ok(new) = fs::read(from) else {
        return Ok(());
    };
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::copy(from, to)
        .map(drop)
        .with_context(|| format!("cannot copy {}", from.display()))
}
