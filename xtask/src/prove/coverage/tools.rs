//! llvm-profdata and llvm-cov: rustup's `llvm-tools`, or Debian's, of the compiler's LLVM or a later one.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{setup::apt, workspace::Failed};

/// How many releases of LLVM later than the compiler's to look for; later ones read earlier profiles.
const LATER: u32 = 4;

pub(super) struct Tools {
    bin: PathBuf,
}

/// Finds them, or installs Debian's.
pub(super) fn find() -> Result<Tools> {
    let compiler = Compiler::ask()?;
    if let Some(tools) = compiler.tools() {
        return Ok(tools);
    }
    let package = format!("llvm-{}", compiler.llvm);
    let installed = apt::install(std::slice::from_ref(&package)).or_else(|_| {
        apt::update()?;
        apt::install(std::slice::from_ref(&package))
    });
    installed.with_context(|| {
        format!(
            "there is no llvm-cov for LLVM {}; `rustup component add llvm-tools` would bring one",
            compiler.llvm
        )
    })?;
    compiler
        .tools()
        .with_context(|| format!("{package} is installed, and yet there is no llvm-cov"))
}

struct Compiler {
    llvm: u32,
    host: String,
    sysroot: PathBuf,
}

impl Compiler {
    fn ask() -> Result<Self> {
        let version = rustc(&["-vV"])?;
        let value = |key: &str| {
            let line = version.lines().find_map(|line| line.strip_prefix(key));
            line.map(str::trim)
                .with_context(|| format!("`rustc -vV` gives no `{key}`"))
        };
        let llvm = value("LLVM version:")?;
        let major = llvm.split('.').next().and_then(|major| major.parse().ok());
        Ok(Self {
            llvm: major.with_context(|| format!("`{llvm}` is no version of LLVM"))?,
            host: value("host:")?.to_owned(),
            sysroot: rustc(&["--print", "sysroot"])?.trim().into(),
        })
    }

    fn tools(&self) -> Option<Tools> {
        let own = self
            .sysroot
            .join("lib/rustlib")
            .join(&self.host)
            .join("bin");
        let debian =
            (self.llvm..=self.llvm + LATER).map(|major| format!("/usr/lib/llvm-{major}/bin"));
        let mut folders = std::iter::once(own).chain(debian.map(PathBuf::from));
        let bin = folders.find(|bin| {
            ["llvm-cov", "llvm-profdata"]
                .iter()
                .all(|tool| bin.join(tool).exists())
        })?;
        Some(Tools { bin })
    }
}

fn rustc(arguments: &[&str]) -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(arguments)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start rustc")?;
    ensure!(output.status.success(), Failed(output.status));
    String::from_utf8(output.stdout).context("rustc's answer is no text")
}

impl Tools {
    /// Makes one profile of all in a folder.
    pub(super) fn merge(&self, profiles: &Path, into: &Path) -> Result<()> {
        let list = into.with_extension("list");
        let mut names = String::new();
        let folder = fs::read_dir(profiles)
            .with_context(|| format!("no test left a profile in {}", profiles.display()))?;
        for entry in folder {
            let path = entry?.path();
            // A program that was killed may have left an empty one.
            if fs::metadata(&path)?.len() > 0 {
                names += &format!("{}\n", path.display());
            }
        }
        fs::write(&list, names).with_context(|| format!("cannot write {}", list.display()))?;
        let status = Command::new(self.bin.join("llvm-profdata"))
            // What was killed while it wrote is left out.
            .args(["merge", "--sparse", "--failure-mode=all", "--input-files"])
            .arg(&list)
            .arg("-o")
            .arg(into)
            .status()
            .context("cannot start llvm-profdata")?;
        ensure!(status.success(), Failed(status));
        Ok(())
    }

    /// The profile as lcov.
    pub(super) fn export(&self, profile: &Path, objects: &[String]) -> Result<String> {
        let mut llvm_cov = Command::new(self.bin.join("llvm-cov"));
        llvm_cov
            .args(["export", "--format=lcov"])
            .arg(format!("--instr-profile={}", profile.display()));
        for (index, object) in objects.iter().enumerate() {
            if index > 0 {
                llvm_cov.arg("--object");
            }
            llvm_cov.arg(object);
        }
        let output = llvm_cov
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start llvm-cov")?;
        ensure!(output.status.success(), Failed(output.status));
        String::from_utf8(output.stdout).context("llvm-cov's answer is no text")
    }
}
