//! What is installed where.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use anyhow::{Context as _, Result};

use super::{output, remove, run};
use crate::workspace::Workspace;

/// Files as they are, and where they go.
const FILES: [(&str, &str); 15] = [
    ("packaging/default", "etc/default/throttler"),
    ("packaging/throttler.toml", "etc/throttler/throttler.toml"),
    (
        "packaging/fail2ban/throttler.conf",
        "etc/fail2ban/action.d/throttler.conf",
    ),
    (
        "packaging/systemd/throttler.service",
        "lib/systemd/system/throttler.service",
    ),
    (
        "packaging/systemd/sysusers.conf",
        "usr/lib/sysusers.d/throttler.conf",
    ),
    (
        "packaging/systemd/before-253.conf",
        "usr/share/throttler/systemd-before-253.conf",
    ),
    (
        "packaging/grafana/throttler.json",
        "usr/share/throttler/grafana/throttler.json",
    ),
    (
        "packaging/prometheus/throttler.rules.yml",
        "usr/share/throttler/prometheus/throttler.rules.yml",
    ),
    ("docs/openapi.json", "usr/share/throttler/openapi.json"),
    (
        "policies/assistant.toml",
        "usr/share/doc/throttler/examples/assistant.toml",
    ),
    (
        "policies/content-platform.toml",
        "usr/share/doc/throttler/examples/content-platform.toml",
    ),
    (
        "policies/health-analysis.toml",
        "usr/share/doc/throttler/examples/health-analysis.toml",
    ),
    (
        "policies/story-generator.toml",
        "usr/share/doc/throttler/examples/story-generator.toml",
    ),
    (
        "policies/tenant-plans.toml",
        "usr/share/doc/throttler/examples/tenant-plans.toml",
    ),
    (
        "packaging/debian/copyright",
        "usr/share/doc/throttler/copyright",
    ),
];

/// Files that an administrator edits: kept when they were changed, removed by a purge.
pub(super) const CONFIGURATION: [&str; 3] = [
    "/etc/default/throttler",
    "/etc/fail2ban/action.d/throttler.conf",
    "/etc/throttler/throttler.toml",
];

/// Where each shell looks for completions (bash-completion, zsh's and fish's vendor directories).
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/throttler"),
    ("zsh", "usr/share/zsh/vendor-completions/_throttler"),
    ("fish", "usr/share/fish/vendor_completions.d/throttler.fish"),
];

/// Lays everything out below `top`, anew.
pub(super) fn lay_out(workspace: &Workspace, binary: &Path, top: &Path) -> Result<()> {
    remove(top)?;
    for (from, to) in FILES {
        let bytes =
            fs::read(workspace.root.join(from)).with_context(|| format!("cannot read {from}"))?;
        write(top, to, &bytes)?;
    }
    let installed = top.join("usr/sbin/throttler");
    fs::create_dir_all(top.join("usr/sbin"))?;
    fs::copy(binary, &installed).with_context(|| format!("cannot copy {}", binary.display()))?;
    let mut strip = Command::new("strip");
    run(strip
        .args(["--strip-unneeded", "--remove-section=.comment"])
        .arg(&installed))?;
    fs::set_permissions(&installed, fs::Permissions::from_mode(0o755))?;

    for (shell, to) in COMPLETIONS {
        let script = output(Command::new(binary).args(["completions", shell]))?;
        write(top, to, script.as_bytes())?;
    }
    let pages = top.join("usr/share/man/man8");
    run(Command::new(binary).args(["man", "--dir"]).arg(&pages))?;
    let policy = workspace.root.join("packaging/man/throttler.toml.5");
    write(
        top,
        "usr/share/man/man5/throttler.toml.5",
        &fs::read(policy)?,
    )?;
    for (from, to) in [("README.md", "README.md"), ("CHANGELOG.md", "CHANGELOG.md")] {
        let bytes = fs::read(workspace.root.join(from))?;
        write(top, &format!("usr/share/doc/throttler/{to}"), &bytes)?;
    }
    compress(&top.join("usr/share/man"))?;
    compress_file(&top.join("usr/share/doc/throttler/CHANGELOG.md"))?;
    modes(top)
}

fn write(top: &Path, to: &str, bytes: &[u8]) -> Result<()> {
    let path = top.join(to);
    let directory = path.parent().context("a file is in a directory")?;
    fs::create_dir_all(directory)
        .and_then(|()| fs::write(&path, bytes))
        .with_context(|| format!("cannot write {}", path.display()))
}

fn compress(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            compress(&path)?;
        } else {
            compress_file(&path)?;
        }
    }
    Ok(())
}

pub(super) fn compress_file(path: &Path) -> Result<()> {
    run(Command::new("gzip")
        .args(["-9", "--no-name", "--force"])
        .arg(path))
}

/// The same whatever the umask: everybody reads, and nobody but root writes.
fn modes(path: &Path) -> Result<()> {
    let there = fs::symlink_metadata(path)?;
    let mode = match there.is_dir() || there.permissions().mode() & 0o100 != 0 {
        true => 0o755,
        false => 0o644,
    };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    if there.is_dir() {
        for entry in fs::read_dir(path)? {
            modes(&entry?.path())?;
        }
    }
    Ok(())
}
