//! When a daemon is killed: at a line of its log, or a while after it was started or told to reload.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use throttler_lab::{Daemon, topology::SERVER_IFACE};

use crate::{rng::Rng, site::PATIENCE};

pub(crate) const ADOPTED: &str = "adopted the pinned maps";
pub(crate) const IN_FORCE: &str = "in force";
pub(crate) const READY: &str = "enforcing on";
/// The lines of a start, in order.
pub(crate) const LINES: [&str; 3] = [ADOPTED, IN_FORCE, READY];

/// A moment in a daemon's life.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// So long after its start.
    Starting(Duration),
    /// When it has written such a line.
    Said(&'static str),
    /// So long after it was told to reload, over the control socket.
    Reloading(Duration),
}

/// How long a start and a reload take, undisturbed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) start: Duration,
    pub(crate) reload: Duration,
}

impl Moment {
    /// One of them: as many in the midst of a start as of a reload, and a few at each line.
    pub(crate) fn draw(rng: &mut Rng, pace: Pace) -> Self {
        let mut up_to = |whole: Duration| {
            // Somewhat longer than it takes, for the moment just after it.
            let micros = whole.as_micros() as u64 * 5 / 4;
            Duration::from_micros(rng.below(micros.max(1)))
        };
        let (start, reload) = (up_to(pace.start), up_to(pace.reload));
        if rng.one_in(4) {
            Self::Said(rng.pick(&LINES))
        } else if rng.one_in(2) {
            Self::Starting(start)
        } else {
            Self::Reloading(reload)
        }
    }
}

/// The daemon's command.
pub(crate) fn run(daemon: &Daemon) -> Command {
    let mut command = daemon.cli_command(&["run", "--iface", SERVER_IFACE]);
    command.arg("-c").arg(daemon.policy_path());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// A daemon that is there to be killed.
pub(crate) struct Victim {
    child: Child,
    lines: Receiver<String>,
    /// What it has said so far.
    pub(crate) said: Vec<String>,
    begin: Instant,
}

impl Victim {
    pub(crate) fn start(daemon: &Daemon) -> Self {
        Self::start_with(daemon, &[])
    }

    /// With these environment variables.
    pub(crate) fn start_with(daemon: &Daemon, variables: &[(&str, &str)]) -> Self {
        let mut command = run(daemon);
        command.envs(variables.iter().copied());
        let begin = Instant::now();
        let mut child = command.stderr(Stdio::piped()).spawn().expect("a daemon");
        let stderr = BufReader::new(child.stderr.take().expect("standard error"));
        let (say, lines) = mpsc::channel();
        // It ends with the daemon's standard error.
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            lines,
            said: Vec::new(),
            begin,
        }
    }

    /// Waits for a line; how long it took since the start.
    pub(crate) fn wait(&mut self, text: &str) -> Duration {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|error| panic!("no `{text}`: {error}: {:?}", self.said));
            self.said.push(line);
            if self.said.last().is_some_and(|line| line.contains(text)) {
                return self.begin.elapsed();
            }
        }
    }

    /// Kills it, as SIGKILL does, and takes in its last words.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("an end");
        self.said.extend(self.lines.iter());
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        // After a panic: it must not outlive the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a daemon and kills it at the moment; the last of [`LINES`] that it had reached, if any.
pub(crate) fn kill_at(daemon: &Daemon, moment: Moment) -> Option<&'static str> {
    let mut victim = Victim::start(daemon);
    match moment {
        Moment::Starting(delay) => thread::sleep(delay),
        Moment::Said(line) => {
            victim.wait(line);
        }
        Moment::Reloading(delay) => {
            victim.wait(READY);
            let mut asking = quiet(daemon.cli_command(&["reload"]));
            thread::sleep(delay);
            victim.kill();
            // Whether it was answered does not matter.
            asking.wait().expect("an end");
        }
    }
    victim.kill();
    let reached = |line: &&&str| victim.said.iter().any(|said| said.contains(**line));
    LINES.iter().rfind(reached).copied()
}

fn quiet(mut command: Command) -> Child {
    command.stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("a command")
}
