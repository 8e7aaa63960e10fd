//! A shell in tmux beside a daemon, traffic from two sources, and what a screen shows.

use std::{
    fs,
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use throttler_lab::{Injector, PROMPT, Terminal, frames};

use crate::site::{PORT, Site, address, server};

/// One source is refused at [`PORT`], the other passes at [`OPEN`].
const POLICY: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "5/day" }
[scopes.open]
match = [{ protocol = "udp", ports = [5301] }]
[scopes.open.limits]
flood = { rate = "1000000/s" }
"#;
pub(crate) const OPEN: u16 = 5301;
pub(crate) const GREEDY: &str = "192.0.2.1";
pub(crate) const POLITE: &str = "198.51.100.7";
/// Between two rounds of the traffic.
const STEP: Duration = Duration::from_millis(5);

/// A site, and a shell beside its daemon.
pub(crate) struct Bench {
    // In this order: the terminal goes before the namespace that it is in.
    pub(crate) terminal: Terminal,
    pub(crate) site: Site,
}

impl Bench {
    pub(crate) fn start(tag: &str) -> Self {
        let site = Site::start(tag, POLICY, &[]);
        let terminal = Terminal::start(&site.lab, 80, 24).expect("tmux");
        Self { terminal, site }
    }

    /// Starts `top` and waits for its first picture.
    pub(crate) fn top(&self, extra: &[&str]) {
        let command = self.site.daemon.cli_command(&[&["top"], extra].concat());
        let line = Terminal::line(&command);
        self.terminal
            .command(&format!("{line}; echo status $?."))
            .expect("a shell");
        self.wait("the views", |screen| screen.contains("[Sources]"));
    }

    pub(crate) fn wait(&self, what: &str, done: impl FnMut(&str) -> bool) -> String {
        self.terminal.wait(what, done).expect(what)
    }

    pub(crate) fn press(&self, keys: &[&str]) {
        self.terminal.press(keys).expect("keys");
    }

    /// Answers a question of `top`, whose proposal is put away.
    pub(crate) fn answer(&self, key: &str, question: &str, text: &str) {
        self.press(&[key]);
        self.wait(question, |screen| screen.contains(question));
        self.press(&["DC"]);
        self.terminal.write(text).expect("text");
        self.press(&["Enter"]);
    }

    /// The shell has its terminal back as it was, and says how `top` ended.
    pub(crate) fn wait_ended(&self, status: &str, settings: &str) {
        let said = format!("status {status}.");
        self.wait(&said, |screen| {
            screen.contains(&said) && !screen.contains("[Sources]")
        });
        assert_eq!(
            self.terminal.property("#{alternate_on}").expect("tmux"),
            "0"
        );
        assert_eq!(self.terminal.property("#{cursor_flag}").expect("tmux"), "1");
        assert_eq!(self.settings(), settings);
    }

    /// What the kernel keeps of the terminal: `stty -g`.
    pub(crate) fn settings(&self) -> String {
        self.terminal
            .command("clear; echo \"<$(stty -g)>\"")
            .expect("a shell");
        // Not what was typed, which has a `$`.
        let found = |screen: &str| {
            let line = screen
                .lines()
                .find(|line| line.starts_with('<') && line.ends_with('>'))?;
            Some(line.to_owned())
        };
        let screen = self.wait("settings", |screen| {
            found(screen).is_some() && screen.trim_end().ends_with(PROMPT)
        });
        found(&screen).expect("settings")
    }

    /// The process id of `top`: the shell's only child.
    pub(crate) fn pid(&self) -> i32 {
        let shell = self.terminal.property("#{pane_pid}").expect("tmux");
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        children
            .expect("children")
            .trim()
            .parse()
            .expect("one child")
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let mut kill = std::process::Command::new("kill");
        assert!(
            kill.args(["-s", name, &pid])
                .status()
                .expect("kill")
                .success()
        );
    }

    /// Sends from both sources while `during` runs.
    pub(crate) fn with_traffic(&self, during: impl FnOnce()) {
        let stop = AtomicBool::new(false);
        let injector = Injector::new(&self.site.lab).expect("an injector");
        let frames = [(GREEDY, PORT), (POLITE, OPEN)].map(|(source, port)| {
            let source: IpAddr = address(source);
            frames::udp(source, server(source), 1024, port, 18)
        });
        thread::scope(|scope| {
            let guard = Stop(&stop);
            scope.spawn(|| {
                // Nobody waits for these: they are traffic.
                while !stop.load(Ordering::Relaxed) {
                    injector.send_many(&frames).expect("frames");
                    thread::sleep(STEP);
                }
            });
            during();
            drop(guard);
        });
    }
}

/// Ends the traffic, also on a panic.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The cells of a row that begins with this.
pub(crate) fn row(screen: &str, first: &str) -> Option<Vec<String>> {
    let mut rows = screen.lines().map(|line| line.split_whitespace());
    rows.find_map(|mut cells| {
        (cells.next() == Some(first)).then(|| cells.map(str::to_owned).collect())
    })
}

/// Whether a cell is a rate above zero.
pub(crate) fn moves(cell: Option<&String>) -> bool {
    cell.is_some_and(|cell| cell.starts_with(|char: char| ('1'..='9').contains(&char)))
}
