//! `cargo xtask test`: every test of the workspace.

use std::{ffi::OsString, os::unix::process::CommandExt};

use anyhow::{Context, Result, ensure};

use crate::{
    setup,
    workspace::{Workspace, is_root},
};

pub(crate) fn command(workspace: &Workspace, args: &[OsString]) -> Result<()> {
    ensure!(
        is_root(),
        "the tests make network namespaces and attach XDP programs, which needs root: \
         `sudo -E env \"PATH=$PATH\" cargo xtask test`"
    );
    eprintln!("{}", setup::run(workspace)?);
    setup::tools::TMUX.install_if_missing();
    setup::tools::CHROMIUM.install_if_missing();
    let swept = throttler_lab::sweep().context("cannot remove what earlier tests left")?;
    if !swept.is_empty() {
        eprintln!("test: removed what killed tests left: {}", swept.join(", "));
    }
    let mut cargo = workspace.cargo();
    // The dev profile builds sooner, and its overflow checks are worth having.
    cargo.args(["test", "--no-fail-fast"]);
    if !names_packages(args) {
        cargo.arg("--workspace");
    }
    // Cargo takes our place, so that the last lines, the status and Ctrl-C are its own.
    Err(cargo.args(args).exec()).context("cannot start cargo")
}

/// Whether the caller narrows the packages down; beside `--workspace`, cargo would take no notice.
fn names_packages(args: &[OsString]) -> bool {
    args.iter()
        .map(|arg| arg.to_string_lossy())
        // After it, the arguments are those of the test binaries.
        .take_while(|arg| arg != "--")
        .any(|arg| arg.starts_with("-p") || arg.starts_with("--package"))
}

#[cfg(test)]
mod tests {
    use super::names_packages;

    #[test]
    fn packages_are_seen_in_all_their_spellings() {
        let named =
            |args: &[&str]| names_packages(&args.iter().map(Into::into).collect::<Vec<_>>());
        assert!(named(&["-p", "xtask"]) && named(&["-pxtask"]) && named(&["--package=xtask"]));
        assert!(!named(&[]) && !named(&["p", "--", "-p"]));
    }
}
