//! Children with deadlines: nothing here waits forever.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// What a command said and how it ended.
#[derive(Debug, Clone)]
pub struct CliOutput {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl CliOutput {
    /// The exit status; none if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// Runs a command to its end, or kills it at the deadline.
///
/// # Errors
/// If it cannot be started, or did not end by itself.
pub fn run(command: &mut Command, deadline: Duration) -> Result<CliOutput> {
    let what = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {what}"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let stdout = scope.spawn(|| read_all(stdout));
        let stderr = scope.spawn(|| read_all(stderr));
        let status = wait(&mut child, deadline)?;
        if status.is_none() {
            child
                .kill()
                .with_context(|| format!("cannot kill {what}"))?;
            child
                .wait()
                .with_context(|| format!("cannot wait for {what}"))?;
        }
        let [stdout, stderr] = [stdout, stderr].map(|reader| reader.join().unwrap_or_default());
        match status {
            Some(status) => Ok(CliOutput {
                status,
                stdout,
                stderr,
            }),
            None => bail!("{what} did not end within {deadline:?}; it said:\n{stdout}{stderr}"),
        }
    })
}

fn read_all(source: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut source) = source {
        // An error ends the reading; what came before it is still worth showing.
        let _ = source.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for a child in short steps (std has no wait with a deadline); none if the time was over first.
pub(crate) fn wait(child: &mut Child, timeout: Duration) -> Result<Option<ExitStatus>> {
    let end = Instant::now() + timeout;
    loop {
        if let Some(status) = child.try_wait().context("cannot wait for a child")? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

/// The lines of a child's standard error, collected by a thread, in which others can wait for one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    /// Which child is followed, counted from 1: the end of an earlier one's stream may be noticed late.
    run: usize,
    ended: bool,
}

/// How a wait for a line ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    Line(String),
    /// The stream ended without it.
    End,
    TimedOut,
}

impl Lines {
    /// Starts to collect; lines of an earlier child stay.
    pub(crate) fn follow(&self, stderr: ChildStderr) -> Result<()> {
        let run = {
            let mut state = self.lock();
            state.ended = false;
            state.run += 1;
            state.run
        };
        let this = self.clone();
        thread::Builder::new()
            .name("lab-stderr".to_owned())
            .spawn(move || {
                for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                    this.lock()
                        .lines
                        .push(String::from_utf8_lossy(&line).into_owned());
                    this.0.1.notify_all();
                }
                let mut state = this.lock();
                state.ended |= state.run == run;
                this.0.1.notify_all();
            })
            .context("cannot start a thread for a child's stderr")?;
        Ok(())
    }

    /// All lines so far.
    pub(crate) fn all(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().lines.len()
    }

    /// Waits for a line, at index `from` or later, that holds one of the texts.
    pub(crate) fn wait_for(&self, from: usize, texts: &[&str], timeout: Duration) -> Found {
        let hit = |state: &State| {
            state
                .lines
                .iter()
                .skip(from)
                .find(|line| texts.iter().any(|text| line.contains(text)))
                .cloned()
        };
        let waiting = |state: &mut State| !state.ended && hit(state).is_none();
        let (state, _) = self
            .0
            .1
            .wait_timeout_while(self.lock(), timeout, waiting)
            .unwrap_or_else(PoisonError::into_inner);
        match hit(&state) {
            Some(line) => Found::Line(line),
            None if state.ended => Found::End,
            None => Found::TimedOut,
        }
    }

    /// Waits until the stream has ended, so that the last words of a child that did are in.
    pub(crate) fn wait_end(&self, timeout: Duration) -> Found {
        self.wait_for(usize::MAX, &[], timeout)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_hangs_is_ended() {
        let started = Instant::now();
        let error = run(Command::new("sleep").arg("60"), Duration::from_millis(50))
            .expect_err("a deadline");
        assert!(error.to_string().contains("did not end"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn lines_are_found_and_the_end_is_noticed() {
        let mut child = Command::new("sh")
            .args(["-c", "echo one >&2; echo two >&2"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("sh");
        let lines = Lines::default();
        lines
            .follow(child.stderr.take().expect("stderr"))
            .expect("a thread");
        let time = Duration::from_secs(10);
        assert_eq!(
            lines.wait_for(0, &["tw"], time),
            Found::Line("two".to_owned())
        );
        assert_eq!(lines.wait_for(1, &["one"], time), Found::End);
        assert_eq!(lines.all(), ["one", "two"]);
        assert!(wait(&mut child, time).expect("wait").is_some());
    }
}
