//! `cargo xtask captures`: what the commands show of a small attack, for README.md and docs/captures. `--check` sees that
//! what is kept there still has the shape of what they show.

mod readme;
mod scene;
mod shape;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use self::scene::Scene;
use crate::{
    build, setup,
    workspace::{Workspace, is_root},
};

/// Arguments of `captures`.
#[derive(Debug, Args)]
pub(crate) struct CapturesArgs {
    /// Write nothing; fail where a kept capture has another shape, numbers aside
    #[arg(long)]
    check: bool,
}

/// How a command shows something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// It prints it.
    Printed,
    /// It draws it on a terminal.
    Drawn,
}

/// What of a capture is the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Same {
    /// All, numbers aside.
    Lines,
    /// What `doctor` looks at; what it finds is the machine's.
    Checks,
}

/// A capture: its name in README.md and docs/captures, and what it is of.
#[derive(Debug)]
struct Capture {
    name: &'static str,
    command: &'static [&'static str],
    how: How,
    /// What of it is the same on every machine.
    same: Same,
}

const CAPTURES: [Capture; 4] = [
    Capture {
        name: "status",
        command: &["status"],
        how: How::Printed,
        same: Same::Lines,
    },
    Capture {
        name: "explain",
        command: &["explain", scene::GREEDY, "--port", "53", "--proto", "udp"],
        how: How::Printed,
        same: Same::Lines,
    },
    Capture {
        name: "top",
        command: &["top"],
        how: How::Drawn,
        same: Same::Lines,
    },
    Capture {
        name: "doctor",
        command: &["doctor"],
        how: How::Printed,
        same: Same::Checks,
    },
];

impl Capture {
    fn path(&self, workspace: &Workspace) -> PathBuf {
        let file = format!("docs/captures/{}.txt", self.name);
        workspace.root.join(file)
    }

    fn kept(&self, workspace: &Workspace) -> Result<String> {
        let path = self.path(workspace);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }
}

pub(crate) fn command(workspace: &Workspace, args: &CapturesArgs) -> Result<()> {
    ensure!(
        is_root(),
        "the captures are of real packets in network namespaces, which needs root: \
         `sudo -E env \"PATH=$PATH\" cargo xtask captures`"
    );
    let binary = build::unoptimised(workspace)?;
    setup::tools::TMUX.install_if_missing();
    throttler_lab::sweep().context("cannot remove what earlier runs left")?;
    let scene = Scene::start(&binary)?;
    let effort = if args.check { 3 } else { 30 };
    let shown = scene.show(&CAPTURES, effort)?;
    if args.check {
        return check(workspace, &shown);
    }
    let path = workspace.root.join("README.md");
    let mut text = fs::read_to_string(&path).context("cannot read README.md")?;
    for (capture, shown) in CAPTURES.iter().zip(&shown) {
        let file = capture.path(workspace);
        fs::create_dir_all(file.parent().context("no directory")?)?;
        fs::write(&file, shown).with_context(|| format!("cannot write {}", file.display()))?;
        text = readme::with(&text, capture.name, shown)?;
        println!(
            "captures: {} ({} lines)",
            capture.name,
            shown.lines().count()
        );
    }
    fs::write(path, text).context("cannot write README.md")
}

/// That what is kept is of the same shape.
fn check(workspace: &Workspace, shown: &[String]) -> Result<()> {
    let mut stale = Vec::new();
    for (capture, shown) in CAPTURES.iter().zip(shown) {
        let kept = capture.kept(workspace)?;
        let differences = match capture.same {
            Same::Lines => shape::differences(&kept, shown),
            Same::Checks => shape::differences(&shape::checks(&kept), &shape::checks(shown)),
        };
        if !differences.is_empty() {
            eprintln!("captures: {}:\n{}", capture.name, differences.join("\n"));
            stale.push(capture.name);
        }
    }
    if !stale.is_empty() {
        bail!(
            "what is shown is no longer what docs/captures keeps of {}: run `cargo xtask captures` and commit it",
            stale.join(", ")
        );
    }
    println!("captures: {} hold", shown.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_what_is_kept() {
        let workspace = Workspace::find().expect("a workspace");
        let text = fs::read_to_string(workspace.root.join("README.md")).expect("README.md");
        for capture in &CAPTURES {
            let kept = capture.kept(&workspace).expect("a capture");
            let first = format!("$ throttler {}", capture.command.join(" "));
            assert_eq!(kept.lines().next(), Some(&*first));
            let with = readme::with(&text, capture.name, &kept).expect("its place");
            assert!(text == with, "README.md has another {}", capture.name);
        }
    }
}
