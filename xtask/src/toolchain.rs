//! The BPF toolchain that `cargo xtask setup` chose, as it stands in `<target>/bpf-tools/toolchain`: `key=value` lines.
//!
//! throttler-userspace's build script includes this file, hence std only, and only what both use.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// A cargo and a rustc that build for BPF, and the linker that goes with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    pub(crate) cargo: PathBuf,
    pub(crate) rustc: PathBuf,
    /// Directories to put before PATH: those of bpf-linker and of its LLVM.
    pub(crate) path_prefix: String,
    /// Whether rustc is a stable one that has to be told to accept `-Z` options.
    pub(crate) bootstrap: bool,
    /// One line for people.
    pub(crate) describe: String,
}

impl Toolchain {
    /// Reads the record; unknown keys are left alone.
    ///
    /// # Errors
    /// Names the key that is missing.
    pub(crate) fn parse(record: &str) -> Result<Self, String> {
        let value = |key: &str| {
            record
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .map(str::to_owned)
                .ok_or_else(|| format!("no `{key}=` in it"))
        };
        Ok(Self {
            cargo: value("cargo")?.into(),
            rustc: value("rustc")?.into(),
            path_prefix: value("path_prefix")?,
            bootstrap: value("bootstrap")? == "1",
            describe: value("describe")?,
        })
    }

    /// This toolchain's cargo, at `root`, free of what the cargo around us set for its own build: its compiler, flags,
    /// wrappers, profiles and target directory would all be wrong here.
    pub(crate) fn cargo(&self, root: &Path) -> Command {
        let mut cargo = Command::new(&self.cargo);
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(is_of_the_outer_build) {
                cargo.env_remove(name);
            }
        }
        let mut path = OsString::from(&self.path_prefix);
        if let Some(inherited) = env::var_os("PATH") {
            path.push(":");
            path.push(inherited);
        }
        cargo
            .current_dir(root)
            .env("PATH", path)
            .env("RUSTC", &self.rustc);
        cargo
    }
}

pub(crate) fn is_of_the_outer_build(variable: &str) -> bool {
    // How to reach the network and how to print is the user's, not the build's.
    const KEPT: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_SOURCE_",
        "CARGO_TERM_",
    ];
    let dropped = variable == "CARGO"
        || variable == "RUSTUP_TOOLCHAIN"
        || ["CARGO_", "RUSTC", "RUSTDOC", "RUSTFLAGS"]
            .iter()
            .any(|prefix| variable.starts_with(prefix));
    dropped && !KEPT.iter().any(|prefix| variable.starts_with(prefix))
}
