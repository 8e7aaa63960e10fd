//! bpf-linker, built against the LLVM of the chosen rustc.

use std::{fs, ops::RangeInclusive, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use super::rust::stdout;
use crate::{toolchain::Toolchain, workspace::Workspace};

pub(super) const VERSION: &str = "0.13.0";
/// The LLVM majors that this version has features for.
pub(super) const LLVM: RangeInclusive<u32> = 21..=23;

/// Whether the linker under `tools` runs: its LLVM may have been removed since.
pub(super) fn works(tools: &Path) -> bool {
    stdout(Command::new(tools.join("bin/bpf-linker")).arg("--version"))
        .is_some_and(|version| version.trim() == format!("bpf-linker {VERSION}"))
}

/// Builds the linker, unless cargo finds the same one under `tools`. It links with LLVM's shared library and that
/// alone, so llvm-NN-dev and a C compiler are all it takes.
pub(super) fn install(
    toolchain: &Toolchain,
    llvm: u32,
    workspace: &Workspace,
    tools: &Path,
) -> Result<()> {
    eprintln!("setup: building bpf-linker {VERSION} for llvm-{llvm} (about a minute)");
    // Under `tools`, so that an interrupted build goes on where it was.
    let build = tools.join("build");
    let mut cargo = toolchain.cargo(&workspace.root);
    cargo
        .args(["install", "bpf-linker", "--locked"])
        .args(["--version", VERSION, "--no-default-features"])
        .args(["--features", &format!("llvm-{llvm}")])
        .arg("--root")
        .arg(tools)
        .arg("--target-dir")
        .arg(&build)
        // LLVM does the work in it; optimising the rest doubles this build and saves 0.2 s of ours.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    // Installed but not working: cargo would see nothing to do.
    if tools.join("bin/bpf-linker").exists() && !works(tools) {
        cargo.arg("--force");
    }
    let output = cargo.output().context("cannot start cargo")?;
    ensure!(
        output.status.success() && works(tools),
        "`cargo install bpf-linker` failed:\n{}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    // Hundreds of megabytes that nothing needs any more; what cannot be removed does no harm.
    let _ = fs::remove_dir_all(build);
    Ok(())
}
