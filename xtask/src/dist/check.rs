//! Package and tarball, each installed in a clean Debian, run on a link with real packets, and removed; and what is in
//! them, by the tools that know its formats.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};

use super::{Made, VERSION, boot, make, root, run, tree};
use crate::{
    setup::apt,
    workspace::{Workspace, is_root},
};

/// In the clean root, in namespaces of its own; `$1`: what to do.
const SCRIPT: &str = include_str!("check.sh");
/// `ip netns` wants a root that is a mount.
const ENTER: &str = r#"mount --bind "$1" "$1"; exec chroot "$1" /bin/bash /check.sh "$2""#;
/// What is needed, as a program and the package that has it.
const TOOLS: [(&str, &str); 5] = [
    ("debootstrap", "debootstrap"),
    ("lintian", "lintian"),
    ("mandoc", "mandoc"),
    ("promtool", "prometheus"),
    ("systemd-nspawn", "systemd-container"),
];

pub(super) fn check(workspace: &Workspace, binary: &Path, dist: &Path, made: &Made) -> Result<()> {
    ensure!(
        is_root(),
        "the check installs packages and loads programs: run it as root"
    );
    let missing = TOOLS.iter().filter(|(tool, _)| !is_there(tool));
    let missing: Vec<String> = missing.map(|(_, package)| (*package).to_owned()).collect();
    if !missing.is_empty() {
        apt::install(&missing).or_else(|_| {
            apt::update()?;
            apt::install(&missing)
        })?;
    }
    let again = dist.join("again");
    let second = make(workspace, binary, &again, VERSION)?;
    for (one, other) in [(&made.deb, &second.deb), (&made.tarball, &second.tarball)] {
        ensure!(
            fs::read(one)? == fs::read(other)?,
            "{} is not reproducible",
            one.display()
        );
    }
    say("made twice, the same to the byte");
    let newer = make(workspace, binary, &again, &format!("{VERSION}+newer"))?;

    let archive = root::archive(dist)?;
    let clean = root::unpack(&archive, dist)?;
    fs::copy(&made.deb, clean.path().join("throttler.deb"))?;
    fs::copy(&newer.deb, clean.path().join("newer.deb"))?;
    inside(clean.path(), "deb")?;
    say("the package is installed, runs, is upgraded, removed and purged");
    prometheus(workspace, &clean.path().join("metrics.txt"))?;

    let clean = root::unpack(&archive, dist)?;
    fs::copy(&made.tarball, clean.path().join("throttler.tar.gz"))?;
    inside(clean.path(), "tarball")?;
    say("the tarball is unpacked, runs and is removed");

    boot::check(&archive, dist, &made.deb)?;
    say(
        "systemd runs the package's unit in its sandbox, reloads it, and replaces it when it hangs",
    );

    let top = again.join("tree");
    tree::lay_out(workspace, binary, &top)?;
    manual(&top)?;
    run(Command::new("lintian")
        .args([
            "--fail-on",
            "error",
            "--suppress-tags",
            "bogus-mail-host,bogus-mail-host-in-debian-changelog",
        ])
        .arg(&made.deb))?;
    say("lintian finds no error");
    super::remove(&again)
}

fn say(what: &str) {
    eprintln!("dist: {what}");
}

fn is_there(tool: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", "command -v \"$0\" >/dev/null", tool])
        .status();
    found.is_ok_and(|status| status.success())
}

/// Runs a part of the script as root of the clean root.
fn inside(clean: &Path, what: &str) -> Result<()> {
    fs::write(clean.join("check.sh"), SCRIPT)?;
    run(Command::new("unshare")
        .args([
            "--mount",
            "--net",
            "--pid",
            "--ipc",
            "--uts",
            "--fork",
            "--kill-child",
        ])
        .args(["sh", "-euc", ENTER, "enter"])
        .arg(clean)
        .arg(what)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))
}

fn prometheus(workspace: &Workspace, metrics: &Path) -> Result<()> {
    let rules = workspace.root.join("packaging/prometheus");
    run(Command::new("promtool")
        .args(["check", "rules", "throttler.rules.yml"])
        .current_dir(&rules))?;
    run(Command::new("promtool")
        .args(["test", "rules", "throttler.rules.test.yml"])
        .current_dir(&rules))?;
    let metrics = fs::File::open(metrics).context("no metrics were read")?;
    let said = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(metrics)
        .output()?;
    let text = [said.stdout, said.stderr].concat();
    ensure!(
        said.status.success() && text.is_empty(),
        "promtool check metrics: {}",
        String::from_utf8_lossy(&text)
    );
    say("promtool finds nothing in the alert rules and in a daemon's metrics");
    Ok(())
}

/// mandoc's word on every page; that pages have no date is meant.
fn manual(top: &Path) -> Result<()> {
    for section in ["man5", "man8"] {
        for page in fs::read_dir(top.join("usr/share/man").join(section))? {
            let page = page?.path();
            let said = Command::new("mandoc")
                .args(["-T", "lint", "-W", "warning"])
                .arg(&page)
                .output()?;
            let text = String::from_utf8_lossy(&said.stdout).into_owned();
            let found: Vec<&str> = text
                .lines()
                .filter(|line| !line.contains("missing date"))
                .collect();
            ensure!(found.is_empty(), "{}", found.join("\n"));
        }
    }
    say("mandoc finds nothing in the manual pages");
    Ok(())
}
