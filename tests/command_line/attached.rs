//! A daemon in a lab, and traffic whose outcome does not depend on the clock: a test takes seconds, the next unit of any
//! limit a minute or more.

use std::{net::IpAddr, path::Path, time::Duration};

use serde_json::Value;
use throttler_lab::{
    CliOutput, Daemon, Injector, Lab, frames,
    topology::{SERVER_V4, SERVER_V6},
};

use crate::said::{binary, replaced, without_ages};

pub(crate) const POLICY: &str = r#"
[throttler]
mode = "enforce"
max_sources = 1024

[scopes.api]
match = [{ protocol = "tcp", ports = ["443"] }]
[scopes.api.limits]
burst = { rate = "3/hour", unit = "connections" }
daily = { rate = "100/day", unit = "connections" }

[scopes.bulk]
match = [{ protocol = "udp", ports = ["9000-9001"] }]
mode = "monitor"
[scopes.bulk.limits]
volume = { rate = "1Ki/day", burst = "2Ki", unit = "bytes" }

[layers.edge]
scopes = ["api"]
[layers.edge.limits]
total = { rate = "1000/day", unit = "packets" }

[plans.pro.api]
burst = "60/day"
[plans.vip]
api = "unlimited"

[[sources]]
from = ["198.51.100.0/24", "2001:db8:a::/48"]
plan = "pro"
[[sources]]
from = ["198.51.100.128/25"]
plan = "vip"
until = "2099-01-01T00:00:00Z"
[[sources]]
from = ["10.9.0.0/16"]
exempt = true
reason = "staff VPN"
[[sources]]
from = ["192.0.2.66/32"]
block = true
reason = "abuse report 17"
until = "2099-06-01T12:00:00Z"
"#;

/// No plan; sends more than it may.
pub(crate) const GREEDY: &str = "203.0.113.5";
/// Plan `pro`.
pub(crate) const PRO: &str = "198.51.100.7";
pub(crate) const EXEMPT: &str = "10.9.0.1";
pub(crate) const BLOCKED: &str = "192.0.2.66";
/// Over the limit of a scope in monitor mode.
pub(crate) const MONITORED: &str = "2001:db8::5";

pub(crate) struct Attached {
    // In this order: the daemon goes before its lab.
    pub(crate) daemon: Daemon,
    _lab: Lab,
}

impl Attached {
    /// Starts the daemon, sends the traffic and waits until all of it is counted.
    pub(crate) fn new(tag: &str) -> Self {
        let (address, v4, v6): (_, IpAddr, IpAddr) = (
            |text: &str| text.parse::<IpAddr>().expect("an address"),
            SERVER_V4.into(),
            SERVER_V6.into(),
        );
        let syn =
            |src, n| (0..n).map(move |port| frames::tcp_syn(address(src), v4, 1000 + port, 443));
        let mut sent: Vec<Vec<u8>> = Vec::new();
        sent.extend(syn(GREEDY, 5));
        sent.extend(syn(PRO, 4));
        sent.extend(syn(BLOCKED, 3));
        sent.extend((0..2).map(|_| frames::udp(address(EXEMPT), v4, 1000, 9000, 100)));
        sent.extend((0..3).map(|_| frames::udp(address(MONITORED), v6, 1000, 9001, 952)));
        sent.push(frames::icmp_echo(address(GREEDY), v4));
        sent.push(frames::ethertype(0x88cc, 46));
        Self::with(tag, POLICY, &sent)
    }

    /// The same with another policy and other traffic.
    pub(crate) fn with(tag: &str, policy: &str, sent: &[Vec<u8>]) -> Self {
        let lab = Lab::new(tag).expect("a lab");
        let daemon = Daemon::start(&lab, binary(), policy, &[]).expect("a daemon");
        let injector = Injector::new(&lab).expect("a socket");
        injector.send_many(sent).expect("frames");
        daemon
            .wait_counters(
                |counters| counters.packets == sent.len() as u64,
                Duration::from_secs(10),
            )
            .expect("counters");
        Self { daemon, _lab: lab }
    }

    /// A command that must succeed and have no diagnostics; its standard output.
    pub(crate) fn result(&self, args: &[&str]) -> String {
        let CliOutput {
            status,
            stdout,
            stderr,
        } = self.daemon.cli(args).expect("an end");
        assert!(
            status.success() && stderr.is_empty(),
            "{args:?}: {status}\n{stderr}"
        );
        stdout
    }

    /// A document whose numbers that vary were checked and replaced by their type.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let text = self.result(&[args, &["-o", "json"]].concat());
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["schema_version"], 1, "{text}");
        // One line an item, the same items.
        let lines = self.result(&[args, &["-o", "jsonl"]].concat());
        let mut items: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        self.settle(&mut value);
        items.iter_mut().for_each(|item| self.settle(item));
        let document = value.as_object().expect("an object");
        assert_eq!(document.len(), 2, "{text}");
        let list = document.values().find_map(Value::as_array).expect("a list");
        assert_eq!(list, &items, "{args:?}");
        value
    }

    /// A table or text with the names of this run replaced.
    pub(crate) fn text(&self, args: &[&str]) -> String {
        let status: Value =
            serde_json::from_str(&self.result(&["status", "-o", "json"])).expect("JSON");
        let published = status["interfaces"][0]["published"]
            .as_str()
            .expect("a time");
        let pid = format!("daemon {}", self.daemon.pid().expect("a daemon"));
        let policy = display(&self.daemon.policy_path());
        let known = [
            (published, "TIME"),
            (pid.as_str(), "daemon PID"),
            (policy.as_str(), "POLICY"),
        ];
        without_ages(&replaced(self.result(args).trim_end(), &known))
    }
}

/// As the daemon names it: it resolves links on the way.
pub(crate) fn display(path: &Path) -> String {
    path.canonicalize().expect("a file").display().to_string()
}
