//! A real terminal without a person: a shell in tmux, whose screen is read and whose keys are pressed.
//!
//! Each has a tmux server of its own in a directory of its own, no configuration, and ends on drop.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    netns::{Netns, entries, is_dead, owner},
    process,
    topology::Lab,
};

const PREFIX: &str = "thr-tmux-";
/// What the shell says when it waits.
pub const PROMPT: &str = "ready>";
const COMMAND_LIMIT: Duration = Duration::from_secs(10);
const POLL_STEP: Duration = Duration::from_millis(20);

/// A shell on a terminal, in the server's namespace.
#[derive(Debug)]
pub struct Terminal {
    directory: PathBuf,
    netns: Arc<Netns>,
}

impl Terminal {
    /// Starts it with so many columns and rows, and waits for the shell.
    ///
    /// # Errors
    /// Without tmux, or if the shell says nothing within 10 s.
    pub fn start(lab: &Lab, columns: u16, rows: u16) -> Result<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let directory = env::temp_dir().join(name);
        // Left by a dead process of the same pid.
        sweep_one(&directory)?;
        fs::create_dir(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let terminal = Self {
            directory,
            netns: lab.shared_server(),
        };
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let shell = format!("unset ENV; PS1='{PROMPT} ' exec sh -i");
        terminal.tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, &shell])?;
        terminal.wait("a shell", |screen| screen.contains(PROMPT))?;
        Ok(terminal)
    }

    /// Types text as it is.
    ///
    /// # Errors
    /// If tmux has gone.
    pub fn write(&self, text: &str) -> Result<()> {
        self.tmux(&["send-keys", "-l", "--", text]).map(drop)
    }

    /// Presses keys by the names that tmux has for them: `Tab`, `Enter`, `C-c`, `a`.
    ///
    /// # Errors
    /// If tmux has gone.
    pub fn press(&self, keys: &[&str]) -> Result<()> {
        self.tmux(&[&["send-keys"], keys].concat()).map(drop)
    }

    /// Types a command and Enter.
    ///
    /// # Errors
    /// If tmux has gone.
    pub fn command(&self, line: &str) -> Result<()> {
        self.write(line)?;
        self.press(&["Enter"])
    }

    /// What is on the screen, without blanks at the ends of lines; what the terminal has wrapped is one line.
    ///
    /// # Errors
    /// If tmux has gone.
    pub fn screen(&self) -> Result<String> {
        let screen = self.tmux(&["capture-pane", "-p", "-J"])?;
        let lines: Vec<&str> = screen.lines().map(str::trim_end).collect();
        Ok(lines.join("\n"))
    }

    /// Looks at the screen, with pauses of 20 ms, until `done` holds for it; gives that. `what` is for the error.
    ///
    /// # Errors
    /// If it does not within 30 s; the error has the last screen.
    pub fn wait(&self, what: &str, done: impl FnMut(&str) -> bool) -> Result<String> {
        self.wait_for(what, Duration::from_secs(30), done)
    }

    /// The same with another deadline.
    ///
    /// # Errors
    /// As [`Terminal::wait`].
    pub fn wait_for(
        &self,
        what: &str,
        timeout: Duration,
        mut done: impl FnMut(&str) -> bool,
    ) -> Result<String> {
        let end = Instant::now() + timeout;
        loop {
            let screen = self.screen()?;
            if done(&screen) {
                return Ok(screen);
            }
            ensure!(
                Instant::now() < end,
                "{what} is not on the screen:\n{screen}"
            );
            thread::sleep(POLL_STEP);
        }
    }

    /// Gives the terminal another size.
    ///
    /// # Errors
    /// If tmux has gone.
    pub fn resize(&self, columns: u16, rows: u16) -> Result<()> {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.tmux(&["resize-window", "-x", &columns, "-y", &rows])
            .map(drop)
    }

    /// What tmux knows, in its own words: `#{alternate_on}` is 1 while a full-screen program has the terminal.
    ///
    /// # Errors
    /// If tmux has gone.
    pub fn property(&self, format: &str) -> Result<String> {
        let said = self.tmux(&["display-message", "-p", format])?;
        Ok(said.trim_end().to_owned())
    }

    /// A command line for the shell that runs a command as it is set up, but in the shell's environment.
    pub fn line(command: &Command) -> String {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let quoted = |word: &OsStr| format!("'{}'", word.to_string_lossy().replace('\'', r"'\''"));
        words.map(quoted).collect::<Vec<_>>().join(" ")
    }

    fn tmux(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.netns.command("tmux");
        // UTF-8 whatever the locale is, and nothing of what the shell around the test has set.
        command
            .env_clear()
            .envs([("LC_ALL", "C.UTF-8"), ("SHELL", "/bin/sh")]);
        // But where to look, and where coverage is written.
        for name in ["PATH", "LLVM_PROFILE_FILE"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        command
            .args(["-u", "-f", "/dev/null", "-S"])
            .arg(self.directory.join("socket"))
            .args(arguments);
        let output = process::run(&mut command, COMMAND_LIMIT)
            .context("cannot run tmux; `cargo xtask test` installs it where it is missing")?;
        ensure!(
            output.status.success(),
            "`tmux {}`: {}{}",
            arguments.join(" "),
            output.stdout,
            output.stderr
        );
        Ok(output.stdout)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Err(error) = sweep_one(&self.directory) {
            eprintln!("throttler-lab: {error:#}");
        }
    }
}

/// Ends the servers of dead processes; gives their directories.
pub(crate) fn sweep() -> Result<Vec<PathBuf>> {
    let mut swept = Vec::new();
    for path in entries(&env::temp_dir())? {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if owner(name, PREFIX).is_some_and(is_dead) {
            sweep_one(&path)?;
            swept.push(path);
        }
    }
    Ok(swept)
}

fn sweep_one(directory: &Path) -> Result<()> {
    if !directory.exists() {
        return Ok(());
    }
    let socket = directory.join("socket");
    if socket.exists() {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(&socket).arg("kill-server");
        // It may have ended with its shell.
        let _ = process::run(&mut command, COMMAND_LIMIT);
    }
    fs::remove_dir_all(directory).with_context(|| format!("cannot remove {}", directory.display()))
}
