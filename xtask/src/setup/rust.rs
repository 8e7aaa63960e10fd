//! A rustc as far as building for BPF goes.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A rustc, the cargo that goes with it, and what they can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rust {
    pub(super) cargo: PathBuf,
    pub(super) rustc: PathBuf,
    /// Such as `1.96.0` or `1.97.0-nightly`.
    pub(super) release: String,
    /// The major version of its LLVM.
    pub(super) llvm: u32,
    /// Whether the library's source is there, for `-Z build-std`.
    pub(super) source: bool,
}

impl Rust {
    /// The toolchain in a directory of programs; none if rustc or cargo are not there or do not run.
    pub(super) fn probe(bin: &Path) -> Option<Self> {
        let (cargo, rustc) = (bin.join("cargo"), bin.join("rustc"));
        if !cargo.exists() {
            return None;
        }
        let version = stdout(Command::new(&rustc).arg("-vV"))?;
        let sysroot = stdout(Command::new(&rustc).args(["--print", "sysroot"]))?;
        let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/core/Cargo.toml");
        let (release, llvm) = parse_version(&version)?;
        Some(Self {
            cargo,
            rustc,
            release,
            llvm,
            source: source.exists(),
        })
    }
}

/// What a command prints, if it succeeds.
pub(super) fn stdout(command: &mut Command) -> Option<String> {
    // Settings of the cargo around us: they would turn rustup's rustc, and the flags of any, into something else.
    for name in ["RUSTUP_TOOLCHAIN", "RUSTC_BOOTSTRAP", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Release and LLVM major from `rustc -vV`.
fn parse_version(text: &str) -> Option<(String, u32)> {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
    let (llvm, _) = value("LLVM version: ")?.split_once('.')?;
    Some((value("release: ")?.to_owned(), llvm.parse().ok()?))
}

/// Major and minor of a release, or of a Debian version such as `1.85.0+dfsg3-1~deb12u3`.
pub(super) fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{major_minor, parse_version};

    #[test]
    fn a_version_is_read() {
        let text = "rustc 1.97.0-nightly (e50aa6fba 2026-05-19)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\n\
                    release: 1.97.0-nightly\nLLVM version: 22.1.4\n";
        assert_eq!(parse_version(text), Some(("1.97.0-nightly".to_owned(), 22)));
        assert_eq!(parse_version("release: 1.97.0\n"), None);
    }

    #[test]
    fn versions_compare_by_their_numbers() {
        assert_eq!(major_minor("1.97.0-nightly"), Some((1, 97)));
        assert_eq!(major_minor("1.85.0+dfsg3-1~deb12u3"), Some((1, 85)));
        assert_eq!(major_minor("(none)"), None);
    }
}
