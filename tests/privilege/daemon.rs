//! With exactly the three: load, attach, limit, tell, reload, adopt, resize, detach.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use throttler_lab::{
    Counters, Injector, Lab, frames,
    topology::{SERVER_IFACE, SERVER_V4},
};

use crate::confined::{Confined, assert_confined, done};

pub(crate) const LONG: Duration = Duration::from_secs(20);
pub(crate) const FIVE: &str =
    "[throttler]\nmax_sources = 1024\n[scopes.default.limits]\ndaily = { rate = \"5/day\" }\n";

/// A confined daemon, killed on drop.
pub(crate) struct Daemon {
    child: Child,
    lines: Receiver<String>,
}

impl Daemon {
    fn start(confined: &Confined, lab: &Lab) -> Self {
        let args = [
            "run",
            "--iface",
            SERVER_IFACE,
            "-c",
            "policy.toml",
            "--xdp-mode",
            "native",
        ];
        let daemon = Self::run(confined.command(lab, &crate::confined::NEEDED, &args));
        assert_confined(daemon.pid());
        daemon
    }

    /// Starts it, and waits until it enforces.
    pub(crate) fn run(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("setpriv of util-linux");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (send, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let daemon = Self { child, lines };
        daemon.wait_line("enforcing on veth-s (native XDP");
        daemon
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that holds the text, and gives those before it, too.
    pub(crate) fn wait_line(&self, text: &str) -> Vec<String> {
        let end = Instant::now() + LONG;
        let mut lines = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => lines.push(line),
                Err(error) => panic!("no `{text}` ({error}) in {lines:#?}"),
            }
            // The self-check, too, needs no more.
            assert!(
                !lines.iter().any(|line| line.contains("NOT enforced")),
                "{lines:#?}"
            );
            if lines.last().is_some_and(|line| line.contains(text)) {
                return lines;
            }
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        done(
            Command::new("kill")
                .arg(signal)
                .arg(self.child.id().to_string()),
        );
    }

    pub(crate) fn ended(mut self) -> ExitStatus {
        self.child.wait().expect("an end")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Site {
    pub(crate) confined: Confined,
    injector: Injector,
    pub(crate) lab: Lab,
}

impl Site {
    pub(crate) fn new(tag: &str) -> Self {
        let lab = Lab::new(tag).expect("a lab");
        Self {
            confined: Confined::new(),
            injector: Injector::new(&lab).expect("an injector"),
            lab,
        }
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.confined.say(&self.lab, args);
        assert_eq!(output.code(), Some(0), "{args:?}: {output:?}");
        output.stdout
    }

    /// The counters as root reads them, who may read everybody's pins.
    fn counters(&self) -> Counters {
        let args = ["dump", "counters", "-o", "json"];
        let dump = throttler_lab::run(&mut self.confined.root_command(&self.lab, &args), LONG);
        let dump = dump.expect("an end by itself").stdout;
        let dump = serde_json::from_str(&dump).expect("JSON");
        Counters::from_json(&dump, SERVER_IFACE).expect("counters")
    }

    /// Sends packets of one source; gives all that passed and were refused once these are counted.
    pub(crate) fn offer(&self, packets: u64) -> (u64, u64) {
        let wanted = self.counters().packets + packets;
        for _ in 0..packets {
            let frame = frames::udp([192, 0, 2, 1].into(), SERVER_V4.into(), 1024, 5300, 18);
            self.injector.send(&frame).expect("a frame");
        }
        let end = Instant::now() + LONG;
        loop {
            let counters = self.counters();
            if counters.packets >= wanted {
                assert_eq!(counters.packets, wanted);
                return (counters.passed, counters.reason_total("over_limit").0);
            }
            assert!(Instant::now() < end, "{counters:#?}");
        }
    }
}

#[test]
fn three_capabilities_are_all_that_the_daemon_needs() {
    let site = Site::new("confined");
    site.confined.policy(FIVE);
    let daemon = Daemon::start(&site.confined, &site.lab);
    assert_eq!(site.offer(7), (5, 2));
    daemon.wait_line("source=192.0.2.1/32");
    for args in [
        &["status"][..],
        &["dump", "buckets", "-o", "json"],
        &["explain", "192.0.2.1"],
        &["pause", "--for", "1min"],
        &["resume"],
    ] {
        site.ok(args);
    }

    site.confined.policy(&FIVE.replace('5', "8"));
    daemon.signal("-HUP");
    daemon.wait_line("policy generation 2 in force");
    // Nothing was left of five, so nothing is left of eight.
    assert_eq!(site.offer(1), (5, 3));

    daemon.signal("-KILL");
    let ended = daemon.ended();
    assert_eq!(ended.signal(), Some(9), "{ended}");
    assert_eq!(site.offer(1), (5, 4), "a dead daemon's program goes on");
    site.confined.policy(&FIVE.replace("1024", "2048"));
    let daemon = Daemon::start(&site.confined, &site.lab);
    assert_eq!(
        site.offer(1),
        (5, 5),
        "the table is larger, and has what it had"
    );

    daemon.signal("-TERM");
    daemon.wait_line("detached");
    let ended = daemon.ended();
    assert_eq!(ended.code(), Some(0), "{ended}");
}
