//! `check --systemd`: within the memory that it grants, the daemon starts, reloads, takes bans and changes its table's size.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use serde_json::Value;
use throttler_lab::topology::SERVER_IFACE;

use crate::site::{LONG, Site, address};

/// A memory cgroup of either version, removed on drop.
struct Group {
    path: PathBuf,
    is_old: bool,
}

impl Group {
    /// `None` where the machine has no memory controller to be had.
    fn new() -> Option<Self> {
        let name = format!("thr-memory-{}", std::process::id());
        let old = Path::new("/sys/fs/cgroup/memory");
        let is_old = old.join("memory.limit_in_bytes").exists();
        let top = if is_old {
            old
        } else {
            Path::new("/sys/fs/cgroup")
        };
        let path = top.join(name);
        fs::create_dir(&path).ok()?;
        let group = Self { path, is_old };
        group.path.join(group.files()[0]).exists().then_some(group)
    }

    /// Limit, use, and how often the limit was met.
    fn files(&self) -> [&'static str; 3] {
        match self.is_old {
            true => [
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "memory.failcnt",
            ],
            false => ["memory.max", "memory.current", "memory.events"],
        }
    }

    fn read(&self, file: usize) -> String {
        fs::read_to_string(self.path.join(self.files()[file])).expect("a number")
    }

    fn used(&self) -> u64 {
        self.read(1).trim().parse().expect("bytes")
    }

    /// Whether anything was ever refused.
    fn was_short(&self) -> bool {
        let text = self.read(2);
        let word = |line: &str| line.split_whitespace().last().map(str::to_owned);
        let counts = text
            .lines()
            .filter(|line| self.is_old || line.starts_with("max ") || line.starts_with("oom"));
        counts.filter_map(word).any(|count| count != "0")
    }

    fn grant(&self, bytes: u64) {
        fs::write(self.path.join(self.files()[0]), bytes.to_string()).expect("a limit");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What was in it may take a moment to go.
        let end = Instant::now() + LONG;
        while fs::remove_dir(&self.path).is_err() && Instant::now() < end {
            std::thread::yield_now();
        }
    }
}

/// A daemon in the group, killed on drop.
struct Grouped(Child);

impl Grouped {
    fn start(site: &Site, group: &Group) -> Self {
        let policy = site.daemon.policy_path();
        let run = ["run", "--iface", SERVER_IFACE, "--on-exit", "keep", "-c"];
        let daemon = site
            .daemon
            .cli_command(&[&run[..], &[policy.to_str().expect("a path")]].concat());
        let mut command = Command::new("sh");
        command.args(["-c", "echo $$ >\"$0/cgroup.procs\" && exec \"$@\""]);
        command
            .arg(&group.path)
            .arg(daemon.get_program())
            .args(daemon.get_args());
        for (name, value) in daemon.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        // The namespace is entered by whoever starts it.
        let mut enter = site.lab.server().command("env");
        enter.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => enter.env(name, value),
                None => enter.env_remove(name),
            };
        }
        let child = enter.stderr(Stdio::null()).spawn().expect("a daemon");
        let grouped = Self(child);
        let end = Instant::now() + LONG;
        while site.daemon.cli(&["reload"]).expect("an end").code() != Some(0) {
            assert!(Instant::now() < end, "no daemon");
        }
        grouped
    }
}

impl Drop for Grouped {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn policy(sources: u32) -> String {
    format!(
        "[throttler]\nmax_sources = {sources}\n[scopes.default.limits]\na = {{ rate = \"5/day\" }}\n"
    )
}

/// What a policy file is granted, in bytes.
fn granted(site: &Site) -> u64 {
    let policy = site.daemon.policy_path();
    let drop_in = site.cli_ok(&["check", "--systemd", policy.to_str().expect("a path")]);
    let lines: Vec<&str> = drop_in.lines().collect();
    assert!(
        lines[0].starts_with("# ") && lines[1] == "[Service]",
        "{drop_in}"
    );
    let most = lines[2]
        .strip_prefix("MemoryMax=")
        .and_then(|most| most.strip_suffix('M'));
    most.expect("MiB").parse::<u64>().expect("a number") << 20
}

#[test]
fn the_daemon_does_with_what_check_grants_it() {
    let mut site = Site::start("memory", &policy(1 << 17), &[]);
    assert!(site.daemon.stop().expect("an end").success());
    let Some(group) = Group::new() else {
        eprintln!("no memory cgroup is to be had: not tested");
        return;
    };
    group.grant(granted(&site));
    let daemon = Grouped::start(&site, &group);
    // It is the group that pays for the maps: 256 bytes a source, 128 of each family.
    assert!(group.used() > 256 << 17, "{}", group.used());
    let bans: String = (0..100_000_u32)
        .map(|n| format!("10.{}.{}.{}\n", n >> 16, n >> 8 & 255, n & 255))
        .collect();
    let list = site.daemon.state_dir().join("list");
    fs::write(&list, bans).expect("a file");
    site.cli_ok(&[
        "ban",
        "import",
        list.to_str().expect("a path"),
        "--for",
        "1h",
    ]);
    assert_eq!(site.offer(address("10.0.0.1"), 3), 0);
    site.cli_ok(&["reload"]);
    assert!(!group.was_short(), "{}", group.read(2));

    // Another size of the table: for a while there are two.
    drop(daemon);
    site.daemon
        .rewrite_policy(&policy(1 << 18))
        .expect("a policy");
    group.grant(granted(&site));
    let _daemon = Grouped::start(&site, &group);
    let dump = site
        .daemon
        .json(&["dump", "counters", "-o", "json"])
        .expect("counters");
    assert_eq!(
        dump["interfaces"][0]["sources"]["max"],
        Value::from(1 << 18)
    );
    assert!(!group.was_short(), "{}", group.read(2));
    // Less would not do for the maps alone.
    assert!(group.used() > 256 << 18, "{}", group.used());
}
