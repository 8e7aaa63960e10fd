//! Where the tree and its target directory are, and how to start the cargo that started us.

use std::{
    env,
    ffi::OsString,
    fmt, fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::{Command, ExitCode, ExitStatus, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The tree that this xtask belongs to.
#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// As cargo sees it: CARGO_TARGET_DIR and configuration files included.
    pub(crate) target: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        // The variable is right, and the constant not, in a tree that was moved after xtask was built.
        let member = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .arg("--manifest-path")
            .arg(member.join("Cargo.toml"))
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start cargo")?;
        ensure!(output.status.success(), Failed(output.status));
        let metadata: Value =
            serde_json::from_slice(&output.stdout).context("cannot read `cargo metadata`")?;
        let path = |key: &str| {
            let path = metadata[key].as_str().map(PathBuf::from);
            path.with_context(|| format!("`cargo metadata` gives no {key}"))
        };
        Ok(Self {
            root: path("workspace_root")?,
            target: path("target_directory")?,
        })
    }

    /// The cargo that runs us, at the root, with the user's own settings.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = cargo();
        cargo.current_dir(&self.root);
        cargo
    }

    /// Where setup keeps its work.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("bpf-tools")
    }
}

fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    // `cargo run` describes xtask in these; what we start would take them for its own.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// Whether the effective user is root.
pub(crate) fn is_root() -> bool {
    // The owner of a process's own directory is its effective user (man 5 proc).
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A command that failed and has itself said why: only its status is left to pass on.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) ExitStatus);

impl Failed {
    pub(crate) fn code(&self) -> ExitCode {
        let code = self.0.code().and_then(|code| u8::try_from(code).ok());
        code.map_or(ExitCode::FAILURE, ExitCode::from)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a command failed: {}", self.0)
    }
}

impl std::error::Error for Failed {}
