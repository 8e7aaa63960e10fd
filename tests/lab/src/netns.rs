//! A network namespace that lives as long as its guard.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, ensure};

use crate::{lock, sys};

/// Where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";

/// A network namespace named `thr-<pid>-<counter>-<tag>`, visible to `ip netns`, deleted on drop (also on a panic).
#[derive(Debug)]
pub struct Netns {
    name: String,
    handle: Arc<OwnedFd>,
}

impl Netns {
    /// Makes a namespace; `tag` says in `ip netns list` what it is for.
    ///
    /// # Errors
    /// Without root, or if `ip netns add` fails.
    pub fn new(tag: &str) -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        require_root()?;
        let name = format!(
            "thr-{}-{}-{tag}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        ip(&["netns", "add", &name])?;
        match File::open(Path::new(NAMES).join(&name)) {
            Ok(file) => Ok(Self {
                name,
                handle: Arc::new(file.into()),
            }),
            Err(error) => {
                let _ = ip(&["netns", "delete", &name]);
                Err(error).with_context(|| format!("cannot open the new namespace {name}"))
            }
        }
    }

    /// The name, as `ip netns` knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `f` on a thread inside the namespace: sockets made there, and `/proc/thread-self/net` and `/proc/sys/net`
    /// seen there, belong to it.
    ///
    /// # Panics
    /// If the thread cannot enter the namespace (no root), and with the panic of `f`.
    pub fn run<R: Send>(&self, f: impl FnOnce() -> R + Send) -> R {
        let inside = || {
            if let Err(error) = sys::setns(self.handle.as_fd()) {
                panic!("cannot enter namespace {}: {error}; run as root", self.name);
            }
            f()
        };
        match thread::scope(|scope| scope.spawn(inside).join()) {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// A command that will run inside the network namespace, with this process's mounts: unlike `ip netns exec`,
    /// /sys/fs/bpf stays visible. (/sys/class/net stays that of this process, too.)
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        sys::enter_before_exec(&mut command, Arc::clone(&self.handle));
        command
    }

    /// Deletes the namespaces that dead processes left behind; gives their names.
    ///
    /// # Errors
    /// If the names cannot be read, or one of them cannot be deleted.
    pub fn sweep() -> Result<Vec<String>> {
        // Of two sweeps at once, one would fail on what the other one has just deleted.
        let _lock = lock::host()?;
        let mut swept = Vec::new();
        for path in entries(Path::new(NAMES))? {
            let Some(name) = path.file_name().and_then(OsStr::to_str) else {
                continue;
            };
            if owner(name, "thr-").is_some_and(is_dead) {
                ip(&["netns", "delete", name])?;
                swept.push(name.to_owned());
            }
        }
        Ok(swept)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        if let Err(error) = ip(&["netns", "delete", &self.name]) {
            eprintln!("throttler-lab: {error:#}");
        }
    }
}

/// An error that names the mend, unless the caller is root.
///
/// # Errors
/// If the effective user is not root.
pub fn require_root() -> Result<()> {
    ensure!(
        sys::is_root(),
        "the lab makes network namespaces and attaches XDP programs, which needs root: \
         run as root, such as `sudo -E env \"PATH=$PATH\" cargo test`"
    );
    Ok(())
}

/// Runs iproute2's `ip` in this process's namespace.
fn ip(arguments: &[&str]) -> Result<()> {
    let output = Command::new("ip")
        .args(arguments)
        // A second Ctrl-C must not end the one that is cleaning up after the first.
        .process_group(0)
        .output()
        .context("cannot run ip; install iproute2")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`ip {}` failed: {}",
        arguments.join(" "),
        stderr.trim()
    );
    Ok(())
}

/// The paths in a directory; none if there is no such directory.
pub(crate) fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    match fs::read_dir(directory) {
        Ok(found) => found.map(|entry| Ok(entry?.path())).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", directory.display())),
    }
}

/// The pid in a name of the form `<prefix><pid>-...`.
pub(crate) fn owner(name: &str, prefix: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.split('-').next()?.parse().ok()
}

/// Whether no process has this pid.
pub(crate) fn is_dead(pid: u32) -> bool {
    !Path::new("/proc").join(pid.to_string()).exists()
}

#[cfg(test)]
mod tests;
