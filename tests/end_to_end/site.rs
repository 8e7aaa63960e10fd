//! What all of these tests start from: a lab, a daemon, and frames whose fate is awaited.

use std::{net::IpAddr, path::Path, time::Duration};

use serde_json::Value;
use throttler_lab::{
    Counters, Daemon, Injector, Lab, frames,
    topology::{SERVER_V4, SERVER_V6},
};

pub(crate) const LONG: Duration = Duration::from_secs(10);
/// The port of [`FIVE_A_DAY`].
pub(crate) const PORT: u16 = 5300;
/// Five datagrams a day on [`PORT`]: nothing comes back within a test.
pub(crate) const FIVE_A_DAY: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "5/day" }
"#;

/// A daemon on a link of its own.
pub(crate) struct Site {
    // In this order: the daemon detaches while its namespace is still there.
    pub(crate) daemon: Daemon,
    pub(crate) injector: Injector,
    pub(crate) lab: Lab,
}

impl Site {
    pub(crate) fn start(tag: &str, policy: &str, extra: &[&str]) -> Self {
        let lab = lab(tag);
        let daemon = Daemon::start(&lab, binary(), policy, extra).expect("a daemon");
        let injector = Injector::new(&lab).expect("an injector");
        Self {
            daemon,
            injector,
            lab,
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        self.daemon.counters().expect("counters")
    }

    /// Sends datagrams to [`PORT`] and gives how many of them were passed, once all are counted.
    pub(crate) fn offer(&self, src: IpAddr, n: u64) -> u64 {
        let before = self.counters();
        for _ in 0..n {
            let frame = frames::udp(src, server(src), 1024, PORT, 18);
            self.injector.send(&frame).expect("a frame");
        }
        let after = self.wait_packets(before.packets + n);
        after.passed - before.passed
    }

    /// Waits until so many packets were seen in all; more are an error.
    pub(crate) fn wait_packets(&self, packets: u64) -> Counters {
        let counters = self
            .daemon
            .wait_counters(|counters| counters.packets >= packets, LONG)
            .expect("packets");
        assert_eq!(counters.packets, packets, "{counters:#?}");
        counters
    }

    /// The buckets without what time changes, to compare.
    pub(crate) fn buckets(&self) -> Vec<Value> {
        let dump = self
            .daemon
            .json(&["dump", "buckets", "-o", "json"])
            .expect("buckets");
        let still = |bucket: &Value| {
            let limits = bucket["limits"].as_array().expect("limits");
            let remaining: Vec<&Value> = limits.iter().map(|limit| &limit["remaining"]).collect();
            serde_json::json!([
                bucket["source"],
                bucket["scope"],
                bucket["class"],
                remaining,
                bucket["passed"],
                bucket["dropped"],
            ])
        };
        dump["buckets"]
            .as_array()
            .expect("buckets")
            .iter()
            .map(still)
            .collect()
    }

    /// Runs a command that must succeed.
    pub(crate) fn cli_ok(&self, args: &[&str]) -> String {
        let output = self.daemon.cli(args).expect("an end");
        assert_eq!(output.code(), Some(0), "{args:?}: {output:?}");
        output.stdout
    }

    /// What is pinned of an interface.
    pub(crate) fn pins(&self, iface: &str) -> throttler::kernel::pins::Pins {
        throttler::kernel::pins::Pins::of(self.daemon.bpffs(), iface)
    }
}

/// Namespaces, or a clear word on what is missing.
pub(crate) fn lab(tag: &str) -> Lab {
    throttler_lab::require_root().expect("root");
    Lab::new(tag).expect("a lab")
}

/// The binary under test.
pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_throttler"))
}

/// An address out of its text.
pub(crate) fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The server's address of the family of `src`.
pub(crate) fn server(src: IpAddr) -> IpAddr {
    match src {
        IpAddr::V4(_) => SERVER_V4.into(),
        IpAddr::V6(_) => SERVER_V6.into(),
    }
}
