//! A clean Debian: the smallest that debootstrap makes, kept as an archive between runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::{output, run};

/// Beside what no Debian is without; the packages bring nothing along but libraries.
const PACKAGES: &str = "iproute2,iputils-ping,systemd-sysv";

/// Its archive, made where there is none yet.
pub(super) fn archive(dist: &Path) -> Result<PathBuf> {
    let archive = dist.join("clean-root.tar");
    if archive.exists() {
        return Ok(archive);
    }
    eprintln!("dist: making a clean Debian, which takes a minute");
    let release = fs::read_to_string("/etc/os-release").context("which Debian is this?")?;
    let suite = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let suite = suite.context("/etc/os-release names no suite")?;
    let made = TempDir::with_prefix_in("clean-root-", dist)?;
    run(Command::new("debootstrap")
        .args(["--variant=minbase", &format!("--include={PACKAGES}"), suite])
        .arg(made.path())
        .arg(mirror(suite)?))?;
    let new = dist.join("clean-root.new");
    run(Command::new("tar")
        .arg("--directory")
        .arg(made.path())
        .args([
            "--exclude=./var/cache/apt/*",
            "--exclude=./var/lib/apt/lists/*",
            "--create",
            "--file",
        ])
        .arg(&new)
        .arg("."))?;
    fs::rename(&new, &archive)?;
    Ok(archive)
}

/// Where this machine has its packages of the suite from.
fn mirror(suite: &str) -> Result<String> {
    let mut apt = Command::new("apt-get");
    apt.args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
    ]);
    let targets = output(&mut apt)?;
    let ours = targets.lines().find_map(|line| {
        let (uri, rest) = line.split_once(' ')?;
        (rest == format!("{suite} main")).then(|| uri.to_owned())
    });
    ours.with_context(|| format!("apt knows no source of {suite} main"))
}

/// A root of one's own, gone when it is dropped.
pub(super) fn unpack(archive: &Path, dist: &Path) -> Result<TempDir> {
    let root = TempDir::with_prefix_in("root-", dist)?;
    run(Command::new("tar")
        .arg("--directory")
        .arg(root.path())
        .args(["--extract", "--file"])
        .arg(archive))?;
    // mktemp's mode is for its owner alone, and a system's users have to enter its root.
    run(Command::new("chmod").arg("0755").arg(root.path()))?;
    Ok(root)
}
