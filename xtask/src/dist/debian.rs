//! The Debian package.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{output, remove, run, tree};
use crate::workspace::Workspace;

const SCRIPTS: [&str; 3] = ["postinst", "prerm", "postrm"];
/// There is no mailing list yet.
const MAINTAINER: &str = "The authors of Throttler <throttler@localhost>";
const DESCRIPTION: &str = "\
Description: per-source rate limits at the network card
 An XDP program keeps a token bucket for every client address in BPF maps and
 drops bursts before the kernel allocates a packet buffer. A daemon compiles a
 policy file (scopes, plans, sources) into those maps, reloads it without a
 gap, and logs abuse.
";

/// Builds it; gives its path.
pub(super) fn package(
    workspace: &Workspace,
    binary: &Path,
    dist: &Path,
    version: &str,
    epoch: &str,
) -> Result<PathBuf> {
    let top = dist.join("deb");
    tree::lay_out(workspace, binary, &top)?;
    let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
    let architecture = architecture.trim().to_owned();
    changelog(&top, version, epoch)?;
    let control = top.join("DEBIAN");
    let size = kib(&top)?;
    fs::create_dir(&control)?;
    fs::set_permissions(&control, fs::Permissions::from_mode(0o755))?;
    let fields = format!(
        "Package: throttler\nVersion: {version}\nArchitecture: {architecture}\nSection: net\nPriority: optional\n\
         Maintainer: {MAINTAINER}\nInstalled-Size: {size}\n\
         Depends: libc6 (>= {}), libgcc-s1, passwd\nSuggests: fail2ban, grafana, prometheus\n{DESCRIPTION}",
        libc(binary)?
    );
    fs::write(control.join("control"), fields)?;
    fs::write(
        control.join("conffiles"),
        tree::CONFIGURATION.join("\n") + "\n",
    )?;
    for script in SCRIPTS {
        let to = control.join(script);
        fs::copy(workspace.root.join("packaging/debian").join(script), &to)?;
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
    }
    let sums = output(Command::new("sh").args(["-euc", SUMS]).current_dir(&top))?;
    fs::write(control.join("md5sums"), sums)?;
    for file in ["control", "conffiles", "md5sums"] {
        fs::set_permissions(control.join(file), fs::Permissions::from_mode(0o644))?;
    }
    let deb = dist.join(format!("throttler_{version}_{architecture}.deb"));
    run(Command::new("dpkg-deb")
        .args(["--root-owner-group", "-Zxz", "--build"])
        .args([&top, &deb])
        .env("SOURCE_DATE_EPOCH", epoch))?;
    remove(&top)?;
    Ok(deb)
}

const SUMS: &str = "find usr lib -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum";

/// In Debian's form, which leads to the real one.
fn changelog(top: &Path, version: &str, epoch: &str) -> Result<()> {
    let date = output(
        Command::new("date")
            .args(["--utc", "--rfc-email", "--date", &format!("@{epoch}")])
            .env("LC_ALL", "C"),
    )?;
    let text = format!(
        "throttler ({version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- {MAINTAINER}  {date}"
    );
    let path = top.join("usr/share/doc/throttler/changelog");
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644))?;
    tree::compress_file(&path)
}

/// The oldest glibc that has all symbols that the binary asks for, as `2.34`.
fn libc(binary: &Path) -> Result<String> {
    let symbols = output(Command::new("objdump").arg("-T").arg(binary))?;
    newest(&symbols).context("the binary asks for no glibc: is it static?")
}

fn newest(symbols: &str) -> Option<String> {
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let numbers = rest[..end].split('.').map(str::parse::<u32>);
        numbers.collect::<Result<Vec<_>, _>>().ok()
    });
    let newest = versions.max()?;
    let text: Vec<String> = newest.iter().map(u32::to_string).collect();
    Some(text.join("."))
}

fn kib(top: &Path) -> Result<u64> {
    let said = output(
        Command::new("du")
            .args(["--summarize", "--apparent-size", "--block-size=1024"])
            .arg(top),
    )?;
    let size = said.split_whitespace().next().context("du prints a size")?;
    Ok(size.parse()?)
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn the_newest_version_counts_by_number() {
        let symbols = "0 DF *UND* 0 (GLIBC_2.9) a\n0 DF *UND* 0 (GLIBC_2.34) b\n0 DF *UND* 0 (GLIBC_2.2.5) c\n";
        assert_eq!(newest(symbols).as_deref(), Some("2.34"));
        assert_eq!(newest("0 DF .text 0 Base main"), None);
    }
}
