//! apt-get, unattended.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::{linker, rust::stdout};

/// Debian's modern Rust, which it keeps for building browsers; the one named `rustc` is years older.
pub(super) const RUST: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// What is known of the packages to be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Apt {
    /// Not a Debian.
    Absent,
    /// An index that may be old, or empty as in container images.
    Stale,
    /// Just read: version by package.
    Fresh(BTreeMap<String, String>),
}

pub(crate) fn update() -> Result<Apt> {
    eprintln!("setup: reading the package index");
    apt_get(&["update"])?;
    let mut packages: Vec<String> = RUST
        .iter()
        .chain(&["gcc", "libc6-dev", "iproute2"])
        .map(|&name| name.to_owned())
        .collect();
    packages.extend(linker::LLVM.map(|major| format!("llvm-{major}-dev")));
    let policy = stdout(Command::new("apt-cache").arg("policy").args(packages))
        .context("`apt-cache policy` failed")?;
    Ok(Apt::Fresh(candidates(&policy)))
}

pub(crate) fn install(packages: &[String]) -> Result<()> {
    eprintln!("setup: installing {}", packages.join(", "));
    // Rather an error than a user's own `rustc` removed: rustc-web conflicts with it.
    let mut arguments = vec!["install", "--yes", "--no-install-recommends", "--no-remove"];
    arguments.extend(packages.iter().map(String::as_str));
    apt_get(&arguments)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(["-qq", "-o", "DPkg::Lock::Timeout=300"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .context("cannot start apt-get")?;
    ensure!(
        output.status.success(),
        "`apt-get {}` failed:\n{}{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(())
}

/// The version that would be installed, by package, from `apt-cache policy`.
fn candidates(policy: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut package = "";
    for line in policy.lines() {
        if let Some(version) = line.strip_prefix("  Candidate: ") {
            if version != "(none)" {
                found.insert(package.to_owned(), version.to_owned());
            }
        } else if let Some(name) = line.strip_suffix(':')
            && !name.starts_with(' ')
        {
            package = name;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::candidates;

    #[test]
    fn candidates_are_read() {
        let policy = "\
rustc-web:
  Installed: (none)
  Candidate: 1.96.0+dfsg1-1~deb12u2
  Version table:
     1.96.0+dfsg1-1~deb12u2 500
        500 http://deb.debian.org/debian-security bookworm-security/main amd64 Packages
llvm-23-dev:
  Installed: (none)
  Candidate: (none)
  Version table:
llvm-22-dev:
  Installed: 1:22.1.8-1~deb12u1
  Candidate: 1:22.1.8-1~deb12u1
";
        let found: Vec<_> = candidates(policy).into_iter().collect();
        assert_eq!(
            found,
            [
                ("llvm-22-dev".into(), "1:22.1.8-1~deb12u1".into()),
                ("rustc-web".into(), "1.96.0+dfsg1-1~deb12u2".into()),
            ]
        );
    }
}
