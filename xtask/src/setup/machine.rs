//! What the machine has, as far as the plan asks.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    apt::Apt,
    linker,
    rust::{Rust, stdout},
};
use crate::workspace::is_root;

/// One look at the machine.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) root: bool,
    pub(super) apt: Apt,
    /// rustup's nightly.
    pub(super) nightly: Option<Rust>,
    /// The distribution's own.
    pub(super) system: Option<Rust>,
    /// The directories of llvm-config by LLVM major, of those that programs can be linked with.
    pub(super) llvm: BTreeMap<u32, PathBuf>,
    pub(super) cc: bool,
    /// iproute2, which tests and demo need.
    pub(super) ip: bool,
}

impl Machine {
    pub(super) fn probe() -> Self {
        Self {
            root: is_root(),
            apt: if has("apt-get") {
                Apt::Stale
            } else {
                Apt::Absent
            },
            nightly: nightly(),
            system: Rust::probe(Path::new("/usr/bin")),
            llvm: llvm(),
            cc: has("cc"),
            ip: has("ip"),
        }
    }
}

fn nightly() -> Option<Rust> {
    // The path itself, not rustup's proxy: that one obeys directory overrides and may install what it is asked for.
    let rustc = stdout(Command::new("rustup").args(["which", "--toolchain", "nightly", "rustc"]))?;
    Rust::probe(Path::new(rustc.trim()).parent()?)
}

fn llvm() -> BTreeMap<u32, PathBuf> {
    let mut found = BTreeMap::new();
    // Where distributions other than Debian and its kin have theirs.
    if let Some(text) =
        stdout(Command::new("llvm-config").args(["--version", "--bindir", "--libdir"]))
        && let [version, bin, lib] = text.lines().collect::<Vec<_>>()[..]
        && let Some(Ok(major)) = version.split('.').next().map(str::parse)
        && Path::new(lib).join("libLLVM.so").exists()
    {
        found.insert(major, bin.into());
    }
    for major in linker::LLVM {
        let prefix = PathBuf::from(format!("/usr/lib/llvm-{major}"));
        let bin = prefix.join("bin");
        if bin.join("llvm-config").exists() && prefix.join("lib/libLLVM.so").exists() {
            found.insert(major, bin);
        }
    }
    found
}

pub(super) fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    // Administrators' directories are not in everyone's PATH, but root's commands find theirs there.
    env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|directory| directory.join(program).is_file())
}
