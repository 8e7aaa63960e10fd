//! Debian's kernels, by apt and from this machine's mirror, without touching the machine's own sources: lists, sources
//! and packages live under `target/kernels`. Apt checks what it fetches against Debian's signatures.

mod package;

use std::{
    cmp::Ordering,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

pub(super) use self::package::NEWEST;
use self::package::{PREFIX, Package, SUFFIX, order, packages};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Archive {
    Main,
    Security,
}

/// Suites that hold kernels and little else, so that their indices are small; oldest first.
const SUITES: [(Archive, &str); 4] = [
    (Archive::Security, "bullseye-security"),
    (Archive::Security, "bookworm-security"),
    (Archive::Security, "trixie-security"),
    (Archive::Main, "trixie-backports"),
];

/// Where a version is to be found. One archived suite must not keep the other kernels from being tried.
fn suites(version: &str) -> &'static [(Archive, &'static str)] {
    match version {
        "5.10" => &SUITES[..1],
        "6.1" => &SUITES[1..2],
        "6.12" => &SUITES[1..3],
        NEWEST => &SUITES[3..],
        _ => &SUITES,
    }
}

/// A kernel, unpacked.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// As `uname -r` says it.
    pub(super) release: String,
    /// Of the Debian package.
    pub(super) version: String,
    /// What its packages hold.
    pub(super) root: PathBuf,
}

/// Indices that were just read.
pub(super) struct Debian {
    work: PathBuf,
    kernels: Vec<Package>,
}

impl Debian {
    /// Reads the indices of the suites that hold these versions.
    pub(super) fn update(work: &Path, versions: &[&str]) -> Result<Self> {
        ensure!(
            Path::new(KEYRING).exists(),
            "{KEYRING} is missing, by which Debian's packages are checked: install debian-archive-keyring"
        );
        let mut debian = Self {
            work: work.to_owned(),
            kernels: Vec::new(),
        };
        for directory in ["empty", "lists/partial", "cache/archives/partial"] {
            let path = debian.apt().join(directory);
            fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        let [main, security] = mirrors();
        let wanted = |suite| {
            versions
                .iter()
                .any(|version| suites(version).contains(suite))
        };
        let sources: String = SUITES
            .iter()
            .filter(|suite| wanted(suite))
            .map(|(archive, suite)| {
                let uri = match archive {
                    Archive::Main => &main,
                    Archive::Security => &security,
                };
                format!("deb [arch=amd64 signed-by={KEYRING}] {uri} {suite} main\n")
            })
            .collect();
        let path = debian.apt().join("sources.list");
        fs::write(&path, sources).with_context(|| format!("cannot write {}", path.display()))?;
        eprintln!("kernels: reading Debian's indices");
        // By default a suite that cannot be read is a warning, and yesterday's index is taken.
        debian.run("apt-get", &["update", "--error-on=any"], &debian.apt())?;
        let names = debian.run("apt-cache", &["pkgnames", PREFIX], &debian.apt())?;
        let names: Vec<&str> = names
            .lines()
            .filter(|name| name.ends_with(SUFFIX))
            .collect();
        ensure!(!names.is_empty(), "there is no kernel in Debian's indices");
        let show = [&["show"], &names[..]].concat();
        debian.kernels = packages(&debian.run("apt-cache", &show, &debian.apt())?);
        Ok(debian)
    }

    /// Downloads and unpacks the highest kernel of a version, unless that was done before.
    pub(super) fn image(&self, wanted: &str) -> Result<Image> {
        let mut found: Option<&Package> = None;
        for package in self
            .kernels
            .iter()
            .filter(|package| package.is_kernel(wanted))
        {
            if found.is_none_or(|best| order(&package.version, &best.version) == Ordering::Greater)
            {
                found = Some(package);
            }
        }
        let package = found.with_context(|| {
            format!("Debian has no kernel {wanted} in the suites that were read")
        })?;
        let image = Image {
            release: package.release().to_owned(),
            version: package.version.clone(),
            root: self.work.join(format!(
                "{}_{}",
                package.release(),
                package.version.replace(['/', ':'], "%")
            )),
        };
        if !image.root.exists() {
            self.fetch(package, &image.root)?;
        }
        Ok(image)
    }

    fn fetch(&self, package: &Package, root: &Path) -> Result<()> {
        let part = root.with_extension("part");
        let (debs, tree) = (part.join("debs"), part.join("tree"));
        if part.exists() {
            fs::remove_dir_all(&part)
                .with_context(|| format!("cannot remove {}", part.display()))?;
        }
        for directory in [&debs, &tree] {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot make {}", directory.display()))?;
        }
        let parts = package.parts();
        eprintln!("kernels: downloading {}", parts.join(", "));
        let download: Vec<&str> = ["download"]
            .into_iter()
            .chain(parts.iter().map(String::as_str))
            .collect();
        self.run("apt-get", &download, &debs)?;
        for deb in fs::read_dir(&debs).with_context(|| format!("cannot read {}", debs.display()))? {
            let deb = deb?.path();
            output(
                Command::new("dpkg-deb")
                    .arg("--extract")
                    .arg(&deb)
                    .arg(&tree),
            )?;
        }
        // Last: a directory of that name is whole.
        fs::rename(&tree, root).with_context(|| format!("cannot make {}", root.display()))?;
        fs::remove_dir_all(&part).with_context(|| format!("cannot remove {}", part.display()))
    }

    fn apt(&self) -> PathBuf {
        self.work.join("apt")
    }

    /// Runs a program of apt's on our sources; gives what it printed.
    fn run(&self, program: &str, arguments: &[&str], directory: &Path) -> Result<String> {
        let at = |name: &str| self.apt().join(name).display().to_string();
        let mut command = Command::new(program);
        command.arg("-qq").current_dir(directory).env("LC_ALL", "C");
        for option in [
            format!("Dir::Etc::sourcelist={}", at("sources.list")),
            format!("Dir::Etc::sourceparts={}", at("empty")),
            format!("Dir::State::lists={}", at("lists")),
            format!("Dir::Cache={}", at("cache")),
            // The directory may be one that apt's own user cannot enter.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Retries=3".to_owned(),
        ] {
            command.arg("-o").arg(option);
        }
        output(command.args(arguments))
    }
}

/// What a command prints; its whole output in the error if it fails.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start {name}"))?;
    ensure!(
        output.status.success(),
        "{name} failed: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The archives that this machine's apt is set up with; else the public ones.
fn mirrors() -> [String; 2] {
    let mut targets = Command::new("apt-get");
    targets.args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE)",
        "Created-By: Packages",
        "Origin: Debian",
    ]);
    parse_mirrors(&output(&mut targets).unwrap_or_default())
}

fn parse_mirrors(targets: &str) -> [String; 2] {
    let first = |is_security: bool| {
        let mut found = targets.lines().filter_map(|line| line.split_once(' '));
        found
            .find(|(_, suite)| suite.ends_with("-security") == is_security)
            .map(|(uri, _)| uri.to_owned())
    };
    [
        first(false).unwrap_or_else(|| "http://deb.debian.org/debian/".to_owned()),
        first(true).unwrap_or_else(|| "http://deb.debian.org/debian-security/".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_mirror_is_used() {
        let targets = "http://mirror.example/debian/ bookworm\nhttp://mirror.example/security/ bookworm-security\n";
        assert_eq!(
            parse_mirrors(targets),
            [
                "http://mirror.example/debian/",
                "http://mirror.example/security/"
            ]
        );
        assert!(
            parse_mirrors("")
                .iter()
                .all(|uri| uri.contains("//deb.debian.org/"))
        );
    }
}
