//! A small attack that goes on while the captures are taken: steady rates, a plan exceeded, a blocked source, a ban.

use std::{
    net::IpAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use throttler_lab::{
    Daemon, Injector, Lab, Terminal, frames,
    topology::{SERVER_V4, SERVER_V6},
};

use super::{Capture, How};
use crate::demo::policy;

/// Exceeds its plan in two scopes.
pub(super) const GREEDY: &str = "192.0.2.99";
/// Beside the demo's policy.
const ABUSE: &str =
    "[abuse]\nban_after = { refusals = 500, within = \"10s\" }\nban_for = \"10min\"\n";
/// The end of a word that `top` draws for the ban that is awaited.
const BANNED: &str = "banned 1";
const STEP: Duration = Duration::from_millis(10);
/// As many rows as the sources need.
const COLUMNS: u16 = 80;
const ROWS: u16 = 17;
/// What the policy file is called in what is kept.
const POLICY: &str = "/etc/throttler/throttler.toml";
/// Where pins are, if nothing else is said.
const PINS: &str = "/sys/fs/bpf/throttler";

/// Who sends, to which port, and how many frames in so many steps.
const SENDERS: [(&str, u16, u32, u32); 8] = [
    ("203.0.113.66", policy::DNS_PORT, 4, 1),
    (GREEDY, policy::DNS_PORT, 3, 1),
    ("2001:db8:f:99::7", policy::DNS_PORT, 1, 2),
    ("198.51.100.7", policy::DNS_PORT, 1, 1),
    ("10.9.0.7", policy::DNS_PORT, 2, 1),
    (GREEDY, policy::WEB_PORT, 1, 3),
    ("198.51.100.7", policy::WEB_PORT, 1, 20),
    ("192.0.2.7", policy::DNS_PORT, 1, 12),
];

/// The attack, the daemon and the link between them.
pub(super) struct Scene {
    // In this order: the terminal and the daemon go while their namespace is still there.
    traffic: Traffic,
    terminal: Terminal,
    daemon: Daemon,
    _lab: Lab,
}

struct Traffic {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Scene {
    pub(super) fn start(binary: &Path) -> Result<Self> {
        let lab = Lab::new("captures")?;
        let policy = format!("{}{ABUSE}", policy::text());
        let daemon = Daemon::start(&lab, binary, &policy, &["--xdp-mode", "native"])?;
        Ok(Self {
            traffic: Traffic::start(Injector::new(&lab)?),
            terminal: Terminal::start(&lab, COLUMNS, ROWS)?,
            daemon,
            _lab: lab,
        })
    }

    /// What the commands show, each below its command line, once `top` has drawn so many bars and a ban.
    pub(super) fn show(mut self, captures: &[Capture], bars: usize) -> Result<Vec<String>> {
        let shown = captures.iter().map(|capture| {
            let text = match capture.how {
                How::Printed => {
                    self.wait_banned()?;
                    let output = self.daemon.cli(capture.command)?;
                    ensure!(
                        output.status.success(),
                        "{:?}: {}",
                        capture.command,
                        output.stderr
                    );
                    output.stdout
                }
                How::Drawn => self.draw(capture.command, bars)?,
            };
            let path = self.daemon.policy_path();
            let path = path.canonicalize().unwrap_or(path);
            let pins = self.daemon.bpffs().display().to_string();
            let text = text
                .replace(&path.display().to_string(), POLICY)
                .replace(&pins, PINS);
            Ok(format!(
                "$ throttler {}\n{}\n",
                capture.command.join(" "),
                text.trim_end()
            ))
        });
        let shown = shown.collect::<Result<Vec<_>>>()?;
        self.traffic.end()?;
        Ok(shown)
    }

    fn wait_banned(&self) -> Result<()> {
        let banned = |counters: &throttler_lab::Counters| counters.reason_total("banned").0 > 0;
        self.daemon
            .wait_counters(banned, Duration::from_secs(60))
            .map(drop)
    }

    fn draw(&self, command: &[&str], bars: usize) -> Result<String> {
        let terminal = &self.terminal;
        terminal.command(&Terminal::line(&self.daemon.cli_command(command)))?;
        let screen = terminal.wait_for("bars and a ban", Duration::from_secs(120), |screen| {
            let drawn = screen.lines().find(|line| line.starts_with("dropped "));
            let drawn = drawn.map_or(0, |line| {
                line.chars().filter(|char| !char.is_ascii()).count()
            });
            drawn >= bars && screen.contains(BANNED)
        })?;
        terminal.press(&["q"])?;
        Ok(screen)
    }
}

impl Traffic {
    fn start(injector: Injector) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let send = move || {
            let mut port = 1024;
            for step in 0.. {
                if told.load(Ordering::Relaxed) {
                    break;
                }
                for (source, to, count, steps) in SENDERS {
                    let count = if step % steps == 0 { count } else { 0 };
                    for _ in 0..count {
                        // Of one port, a second SYN would be the first one again.
                        port = if port == u16::MAX { 1024 } else { port + 1 };
                        injector.send(&frame(source.parse()?, port, to))?;
                    }
                }
                thread::sleep(STEP);
            }
            Ok(())
        };
        Self {
            stop,
            thread: Some(thread::spawn(send)),
        }
    }

    fn end(&mut self) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().context("the traffic has ended before")?;
        let result = thread
            .join()
            .map_err(|_| anyhow::anyhow!("the traffic panicked"))?;
        result.context("cannot send")
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Whatever became of it: something else has failed.
            let _ = thread.join();
        }
    }
}

fn frame(source: IpAddr, from: u16, to: u16) -> Vec<u8> {
    let server = match source {
        IpAddr::V4(_) => SERVER_V4.into(),
        IpAddr::V6(_) => SERVER_V6.into(),
    };
    match to {
        policy::WEB_PORT => frames::tcp_syn(source, server, from, to),
        _ => frames::udp(source, server, from, to, 32),
    }
}
