//! `cargo xtask dist`: a Debian package and a tarball of the release binary, below `target/dist`.
//!
//! Both hold the same tree ([`tree`]); made twice of one commit they are the same to the byte.

mod boot;
mod check;
mod debian;
mod root;
mod tree;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{build, workspace::Workspace};

#[derive(Debug, Args)]
pub(crate) struct DistArgs {
    /// Install, run, upgrade and remove both in a clean root, too (needs root and debootstrap)
    #[arg(long)]
    check: bool,
}

/// What was made.
struct Made {
    deb: PathBuf,
    tarball: PathBuf,
}

pub(crate) fn command(workspace: &Workspace, args: &DistArgs) -> Result<()> {
    let binary = build::throttler(workspace)?;
    let dist = workspace.target.join("dist");
    let made = make(workspace, &binary, &dist, VERSION)?;
    println!("{}\n{}", made.deb.display(), made.tarball.display());
    if args.check {
        check::check(workspace, &binary, &dist, &made)?;
    }
    Ok(())
}

/// The workspace's.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Lays the tree out and packs it, as this version.
fn make(workspace: &Workspace, binary: &Path, dist: &Path, version: &str) -> Result<Made> {
    fs::create_dir_all(dist).with_context(|| format!("cannot make {}", dist.display()))?;
    let epoch = epoch(workspace)?;
    let deb = debian::package(workspace, binary, dist, version, &epoch)?;
    let name = format!("throttler-{version}-linux-{}", env::consts::ARCH);
    let top = dist.join(&name);
    tree::lay_out(workspace, binary, &top)?;
    let tarball = dist.join(format!("{name}.tar.gz"));
    // gzip by itself, for tar's own call of it leaves a time in the header.
    run(Command::new("sh")
        .args(["-euc", TAR, "tar"])
        .args([dist, Path::new(&name), &tarball])
        .env("EPOCH", &epoch))?;
    remove(&top)?;
    Ok(Made { deb, tarball })
}

/// `$1`: directory, `$2`: name in it, `$3`: the file to make.
const TAR: &str = r#"
tar --directory "$1" --create --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$EPOCH" \
    --format=gnu --file "$3.tar" "$2"
gzip -9 --no-name --stdout "$3.tar" >"$3"
rm "$3.tar"
"#;

/// When this is from: `SOURCE_DATE_EPOCH`, or the last commit's time (reproducible-builds.org).
fn epoch(workspace: &Workspace) -> Result<String> {
    if let Ok(epoch) = env::var("SOURCE_DATE_EPOCH") {
        return Ok(epoch);
    }
    let mut git = Command::new("git");
    git.args(["log", "-1", "--format=%ct"])
        .current_dir(&workspace.root);
    let said = output(&mut git).context("set SOURCE_DATE_EPOCH where there is no git")?;
    Ok(said.trim().to_owned())
}

/// Runs a command that must succeed; what it says on standard output goes to standard error.
fn run(command: &mut Command) -> Result<()> {
    let said = command.stdin(Stdio::null()).output();
    let said = said.with_context(|| format!("cannot start {command:?}"))?;
    ensure!(
        said.status.success(),
        "{command:?}: {}\n{}{}",
        said.status,
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    Ok(())
}

/// The same, for what it says on standard output.
fn output(command: &mut Command) -> Result<String> {
    let said = command.stdin(Stdio::null()).output();
    let said = said.with_context(|| format!("cannot start {command:?}"))?;
    ensure!(
        said.status.success(),
        "{command:?}: {}\n{}",
        said.status,
        String::from_utf8_lossy(&said.stderr)
    );
    String::from_utf8(said.stdout).context("it does not print text")
}

fn remove(directory: &Path) -> Result<()> {
    if directory.exists() {
        fs::remove_dir_all(directory)
            .with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    Ok(())
}
