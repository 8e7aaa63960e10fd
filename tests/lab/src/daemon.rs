//! A `throttler` daemon in the server's namespace, with directories of its own.

mod cli;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::{
    bpffs::PinDir,
    netns::Netns,
    process::{self, Found, Lines},
    sys,
    topology::{Lab, SERVER_IFACE},
};

/// What the daemon prints once its program is attached.
const READY: [&str; 2] = ["enforcing on", "monitoring on"];
const APPLIED: &str = "policy generation";
const REFUSED: &str = "keeping the old policy";
/// Under an emulated processor the verifier alone takes ten.
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// A pipe may stay open beyond the child's end only if a child of its own has it.
const DRAIN_LIMIT: Duration = Duration::from_secs(1);

/// What became of a reload, with the line that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reload {
    /// A new generation is in force.
    Applied(String),
    /// The file was refused; the old policy stays.
    Refused(String),
}

/// A running daemon. On drop it is stopped, detached, and its pins and files are removed, also on a panic.
#[derive(Debug)]
pub struct Daemon {
    binary: PathBuf,
    extra: Vec<String>,
    child: Option<Child>,
    stderr: Lines,
    // In this order: the pins go while their namespace is still there.
    pins: PinDir,
    files: TempDir,
    netns: Arc<Netns>,
}

impl Daemon {
    /// Starts `throttler run` on the server's interface and waits until it is attached.
    ///
    /// # Errors
    /// If it ends, or has not attached within 60 s; the error has all that it wrote to standard error.
    pub fn start(lab: &Lab, binary: &Path, policy_toml: &str, extra_args: &[&str]) -> Result<Self> {
        let mut daemon = Self::prepare(lab, binary, extra_args)?;
        daemon.rewrite_policy(policy_toml)?;
        daemon.spawn()?;
        Ok(daemon)
    }

    /// As [`Daemon::start`], but without `-c`.
    ///
    /// # Errors
    /// As [`Daemon::start`].
    pub fn start_without_policy(lab: &Lab, binary: &Path, extra_args: &[&str]) -> Result<Self> {
        let mut daemon = Self::prepare(lab, binary, extra_args)?;
        daemon.spawn()?;
        Ok(daemon)
    }

    fn prepare(lab: &Lab, binary: &Path, extra_args: &[&str]) -> Result<Self> {
        let daemon = Self {
            binary: binary.to_owned(),
            extra: extra_args
                .iter()
                .map(|&argument| argument.to_owned())
                .collect(),
            child: None,
            stderr: Lines::default(),
            pins: PinDir::new()?,
            files: TempDir::with_prefix("thr-lab-")
                .context("cannot make a directory for the daemon")?,
            netns: lab.shared_server(),
        };
        fs::create_dir(daemon.state_dir()).context("cannot make the state directory")?;
        Ok(daemon)
    }

    /// Starts the daemon again, with the same files and pins, after [`Daemon::stop`] or [`Daemon::kill`].
    ///
    /// # Errors
    /// If it still runs, and as [`Daemon::start`].
    pub fn restart(&mut self) -> Result<()> {
        ensure!(
            self.child.is_none(),
            "the daemon still runs; stop or kill it first"
        );
        self.spawn()
    }

    /// Replaces the binary and the extra arguments that the next [`Daemon::restart`] uses.
    pub fn set_command(&mut self, binary: &Path, extra_args: &[&str]) {
        binary.clone_into(&mut self.binary);
        self.extra = extra_args
            .iter()
            .map(|&argument| argument.to_owned())
            .collect();
    }

    /// Replaces the policy file in one step; the daemon is not told.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn rewrite_policy(&self, policy_toml: &str) -> Result<()> {
        let path = self.policy_path();
        let new = path.with_extension("new");
        fs::write(&new, policy_toml)
            .and_then(|()| fs::rename(&new, &path))
            .context("cannot write the policy file")
    }

    /// Sends SIGHUP and waits until the daemon says what became of it.
    ///
    /// # Errors
    /// If the daemon does not run, ends, or says nothing within 60 s.
    pub fn reload(&mut self) -> Result<Reload> {
        let seen = self.stderr.count();
        sys::signal(self.running()?, libc::SIGHUP).context("cannot send SIGHUP")?;
        match self.stderr.wait_for(seen, &[APPLIED, REFUSED], START_LIMIT) {
            Found::Line(line) if line.contains(REFUSED) => Ok(Reload::Refused(line)),
            Found::Line(line) => Ok(Reload::Applied(line)),
            Found::End => bail!(
                "the daemon ended on SIGHUP; it said:\n{}",
                self.stderr_text()
            ),
            Found::TimedOut => bail!(
                "no word on a reload after {START_LIMIT:?}; it said:\n{}",
                self.stderr_text()
            ),
        }
    }

    /// Sends SIGTERM and waits for the end; what it left attached stays until drop.
    ///
    /// # Errors
    /// If the daemon does not run, or not end within 5 s (then it still runs).
    pub fn stop(&mut self) -> Result<ExitStatus> {
        let child = self.running()?;
        sys::signal(child, libc::SIGTERM).context("cannot send SIGTERM")?;
        let Some(status) = process::wait(child, STOP_LIMIT)? else {
            bail!(
                "the daemon did not end within {STOP_LIMIT:?} of SIGTERM; it said:\n{}",
                self.stderr_text()
            );
        };
        Ok(self.ended(status))
    }

    /// Sends SIGKILL and waits for the end, as a crash: what is attached stays until drop.
    ///
    /// # Errors
    /// If the daemon does not run.
    pub fn kill(&mut self) -> Result<ExitStatus> {
        let child = self.running()?;
        child.kill().context("cannot send SIGKILL")?;
        let status = child.wait().context("cannot wait for the daemon")?;
        Ok(self.ended(status))
    }

    /// Waits for the daemon to end by itself.
    ///
    /// # Errors
    /// If the daemon does not run, or not end within 5 s (then it still runs).
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let child = self.running()?;
        let Some(status) = process::wait(child, STOP_LIMIT)? else {
            bail!(
                "the daemon did not end within {STOP_LIMIT:?}; it said:\n{}",
                self.stderr_text()
            );
        };
        Ok(self.ended(status))
    }

    /// The daemon's process, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// What the daemon wrote to standard error so far, over restarts.
    pub fn stderr_lines(&self) -> Vec<String> {
        self.stderr.all()
    }

    /// Waits for a line on standard error, the `from`-th or later, that holds `text`; gives it.
    ///
    /// # Errors
    /// If the daemon ends, or the time is over, without it.
    pub fn wait_stderr(&self, from: usize, text: &str, timeout: Duration) -> Result<String> {
        match self.stderr.wait_for(from, &[text], timeout) {
            Found::Line(line) => Ok(line),
            end => bail!(
                "no line with `{text}` ({end:?}) in:\n{}",
                self.stderr_text()
            ),
        }
    }

    /// The value of `--bpffs`.
    pub fn bpffs(&self) -> &Path {
        self.pins.path()
    }

    /// The value of `--state-dir`.
    pub fn state_dir(&self) -> PathBuf {
        self.files.path().join("state")
    }

    /// The value of `--socket`.
    pub fn socket(&self) -> PathBuf {
        self.files.path().join("throttler.sock")
    }

    /// The policy file; files that a policy names relatively go beside it.
    pub fn policy_path(&self) -> PathBuf {
        self.files.path().join("throttler.toml")
    }

    fn spawn(&mut self) -> Result<()> {
        let seen = self.stderr.count();
        let mut command = self.cli_command(&["run", "--iface", SERVER_IFACE]);
        if self.policy_path().exists() {
            command.arg("-c").arg(self.policy_path());
        }
        command.args(&self.extra);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", self.binary.display()))?;
        let stderr = child.stderr.take();
        // From here on drop ends it.
        self.child = Some(child);
        self.stderr.follow(stderr.context("no standard error")?)?;
        match self.stderr.wait_for(seen, &READY, START_LIMIT) {
            Found::Line(_) => Ok(()),
            Found::End => {
                let Some(status) = process::wait(self.running()?, STOP_LIMIT)? else {
                    bail!(
                        "the daemon closed its standard error; it said:\n{}",
                        self.stderr_text()
                    );
                };
                self.ended(status);
                bail!(
                    "the daemon ended before it was attached ({status}); it said:\n{}",
                    self.stderr_text()
                );
            }
            Found::TimedOut => bail!(
                "not attached after {START_LIMIT:?}; the daemon said:\n{}",
                self.stderr_text()
            ),
        }
    }

    /// Notes that the child was reaped, and takes in its last words.
    fn ended(&mut self, status: ExitStatus) -> ExitStatus {
        self.child = None;
        self.stderr.wait_end(DRAIN_LIMIT);
        status
    }

    fn running(&mut self) -> Result<&mut Child> {
        self.child.as_mut().context("the daemon does not run")
    }

    fn stderr_text(&self) -> String {
        self.stderr_lines().join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Each step is tried whatever became of the one before; the pins, the files and the namespace follow.
        if self.child.is_some() && self.stop().is_err() {
            let _ = self.kill();
        }
        if let Err(error) = process::run(&mut self.cli_command(&["detach"]), STOP_LIMIT) {
            eprintln!("throttler-lab: {error:#}");
        }
    }
}
