//! One system under test: its policy file in force on a link of its own, requests offered to it, and what became of
//! them. A request is a connection, as in the policy files.

use std::{
    cell::Cell,
    net::{IpAddr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::Value;
use throttler_lab::{Daemon, Injector, Lab, TcpSink, frames, tcp_connect_attempts};

use crate::sources::{Family, source_text};

/// Less than the second after which a SYN that was dropped is sent again.
const ATTEMPT: Duration = Duration::from_millis(700);
const LONG: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_millis(250);

/// What became of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) passed: u64,
    pub(crate) dropped: u64,
}

/// A daemon with one policy, and who sends to it.
pub(crate) struct System {
    // In this order: the daemon detaches while its namespace is still there.
    pub(crate) daemon: Daemon,
    injector: Injector,
    pub(crate) lab: Lab,
    next_port: Cell<u16>,
}

/// The text of a file of `policies/`.
pub(crate) fn policy(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../policies")
        .join(file);
    std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// The text with one passage replaced, which must be there once, so that a changed file is noticed.
pub(crate) fn derived(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "`{old}` must be there once");
    text.replace(old, new)
}

impl System {
    /// Puts a file of `policies/` in force.
    pub(crate) fn start(tag: &str, file: &str) -> Self {
        Self::with_policy(tag, &policy(file), &[])
    }

    pub(crate) fn with_policy(tag: &str, text: &str, extra: &[&str]) -> Self {
        throttler_lab::require_root().expect("root");
        let lab = Lab::new(tag).expect("a lab");
        let arguments = [&["--xdp-mode", "native"], extra].concat();
        let binary = Path::new(env!("CARGO_BIN_EXE_throttler"));
        let daemon = Daemon::start(&lab, binary, text, &arguments).expect("a daemon");
        let injector = Injector::new(&lab).expect("an injector");
        let next_port = Cell::new(1024);
        Self {
            daemon,
            injector,
            lab,
            next_port,
        }
    }

    /// Sends `n` raw SYNs from `src`, which the client must not own; returns once they are on the wire.
    pub(crate) fn syns(&self, src: IpAddr, port: u16, n: u64) {
        let server = Family::of(src).server();
        for _ in 0..n {
            let sport = self.next_port.get();
            self.next_port.set(sport.checked_add(1).unwrap_or(1024));
            let frame = frames::tcp_syn(src, server, sport, port);
            self.injector.send(&frame).expect("a frame");
        }
    }

    /// As [`System::syns`], and waits until the source's bucket of `scope` has counted them all.
    pub(crate) fn offer(&self, src: IpAddr, scope: &str, port: u16, n: u64) -> Outcome {
        let before = self.outcome(src, scope);
        self.syns(src, port, n);
        let end = Instant::now() + LONG;
        loop {
            let now = self.outcome(src, scope);
            let change = Outcome {
                passed: now.passed - before.passed,
                dropped: now.dropped - before.dropped,
            };
            if change.passed + change.dropped >= n {
                assert_eq!(change.passed + change.dropped, n, "{src} {scope}");
                return change;
            }
            assert!(
                Instant::now() < end,
                "{src}: only {change:?} of {n} in {scope}"
            );
        }
    }

    /// A full bucket of `count` per `period` admits `count` at once and refuses the rest.
    ///
    /// Should the machine stall for longer than one unit takes to come back, those that did are allowed for.
    pub(crate) fn assert_admits(
        &self,
        src: IpAddr,
        scope: &str,
        port: u16,
        count: u64,
        period: Duration,
    ) {
        let started = Instant::now();
        let extra = 1 + count / 10;
        let outcome = self.offer(src, scope, port, count + extra);
        let back = started.elapsed().as_nanos() * u128::from(count) / period.as_nanos();
        let back = u64::try_from(back).expect("a short test");
        assert!(
            (count..=count + back).contains(&outcome.passed),
            "{src} in {scope}: {outcome:?}, but {count} are to pass (and {back} that came back)"
        );
    }

    /// All of `n` requests pass, and each is counted for `reason`.
    pub(crate) fn assert_all_pass(
        &self,
        src: IpAddr,
        scope: &str,
        port: u16,
        n: u64,
        reason: &str,
    ) {
        let before = self.reason(scope, reason);
        let outcome = self.offer(src, scope, port, n);
        assert_eq!(
            outcome,
            Outcome {
                passed: n,
                dropped: 0
            },
            "{src} {scope}"
        );
        assert_eq!(
            self.reason(scope, reason) - before,
            n,
            "{src} {scope} {reason}"
        );
    }

    /// Offers a request now and then until one passes; gives how long that took.
    pub(crate) fn retry_until_passed(&self, src: IpAddr, scope: &str, port: u16) -> Duration {
        let started = Instant::now();
        while self.offer(src, scope, port, 1).passed == 0 {
            assert!(
                started.elapsed() < LONG,
                "{src} is not let back into {scope}"
            );
            std::thread::sleep(RETRY);
        }
        started.elapsed()
    }

    /// Real connections, all started at once: which were established, in order.
    pub(crate) fn connect(&self, src: IpAddr, port: u16, n: usize) -> Vec<bool> {
        let server = SocketAddr::new(Family::of(src).server(), port);
        tcp_connect_attempts(&self.lab, src, server, n, ATTEMPT).expect("attempts")
    }

    /// The first `count` of `n` real connections reach the server and no more do.
    pub(crate) fn assert_connects(
        &self,
        sink: &TcpSink,
        src: IpAddr,
        port: u16,
        count: usize,
        n: usize,
    ) {
        let wanted: Vec<bool> = (0..n).map(|index| index < count).collect();
        let connected = self.connect(src, port, n);
        assert_eq!(
            connected,
            wanted,
            "{src} on {port}: {:#?}",
            self.daemon.counters()
        );
        // The sink accepts in its own time what the kernel has established.
        let end = Instant::now() + LONG;
        while sink.count(src) < count as u64 && Instant::now() < end {
            std::thread::yield_now();
        }
        assert_eq!(sink.count(src), count as u64, "{src} on {port}");
    }

    /// Packets of a scope that had this reason so far.
    pub(crate) fn reason(&self, scope: &str, reason: &str) -> u64 {
        self.daemon
            .counters()
            .expect("counters")
            .reason(scope, reason)
            .0
    }

    /// A source's bucket of a scope as JSON; null where it has none.
    pub(crate) fn bucket(&self, src: IpAddr, scope: &str) -> Value {
        let source = source_text(src);
        let arguments = ["dump", "buckets", "-o", "json", "--source", &source];
        let dump = self.daemon.json(&arguments).expect("buckets");
        assert_eq!(dump["schema_version"], 1);
        let buckets = dump["buckets"].as_array().expect("buckets");
        let own = |bucket: &&Value| bucket["source"] == source && bucket["scope"] == scope;
        buckets.iter().find(own).cloned().unwrap_or_default()
    }

    /// One limit of a source's bucket.
    pub(crate) fn limit(&self, src: IpAddr, scope: &str, limit: &str) -> Value {
        let bucket = self.bucket(src, scope);
        let limits = bucket["limits"].as_array().map_or(&[][..], Vec::as_slice);
        let found = limits.iter().find(|entry| entry["limit"] == limit);
        found
            .unwrap_or_else(|| panic!("{src} has no {limit} in {scope}: {bucket}"))
            .clone()
    }

    fn outcome(&self, src: IpAddr, scope: &str) -> Outcome {
        let bucket = self.bucket(src, scope);
        let count = |pointer| {
            bucket
                .pointer(pointer)
                .and_then(Value::as_u64)
                .unwrap_or_default()
        };
        Outcome {
            passed: count("/passed/packets"),
            dropped: count("/dropped/packets"),
        }
    }
}
