//! How an interface's history does: for the metrics, the control socket, and `status`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use throttler_common::abi::Event;

use crate::history::{self, Extent};

/// Events that wait for the collector at most: half a second of what several CPUs tell, 1 MB.
const WAITING: usize = 16_384;

/// One interface's. The history's threads write, everybody reads.
#[derive(Debug)]
pub(in crate::daemon) struct State {
    iface: String,
    path: PathBuf,
    condition: Mutex<Condition>,
    /// The policy wants it.
    is_wanted: AtomicBool,
    events: Mutex<Vec<Event>>,
    pub(super) rows: AtomicU64,
    pub(super) failures: AtomicU64,
    pub(super) missed: AtomicU64,
    pub(super) lost: AtomicU64,
}

/// Whether it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// As the policy says.
    pub(super) enabled: bool,
    /// What was wrong with the latest attempt.
    pub(super) fault: Option<String>,
    pub(super) extent: Extent,
    /// Milliseconds since the epoch.
    pub(super) written: Option<i64>,
}

/// One of them as JSON.
#[derive(Debug, Serialize)]
pub(in crate::daemon) struct Report {
    iface: String,
    path: PathBuf,
    enabled: bool,
    writing: bool,
    fault: Option<String>,
    size_bytes: u64,
    oldest: Option<String>,
    /// Up to when it is complete.
    written: Option<String>,
    rows: u64,
    failures: u64,
    events_missed: u64,
    packets_lost: u64,
}

impl State {
    pub(super) fn new(state_dir: &Path, iface: &str) -> Self {
        Self {
            iface: iface.to_owned(),
            path: history::path(state_dir, iface),
            condition: Mutex::new(Condition {
                enabled: true,
                fault: None,
                extent: Extent::default(),
                written: None,
            }),
            is_wanted: AtomicBool::new(true),
            events: Mutex::new(Vec::new()),
            rows: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }

    /// Whose it is.
    pub(in crate::daemon) fn iface(&self) -> &str {
        &self.iface
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Hands an event over; never waits. Those beyond what the collector can take are counted, and what they tell of is
    /// found in the source table.
    pub(in crate::daemon) fn tell(&self, event: &Event) {
        if !self.is_wanted.load(Ordering::Relaxed) {
            return;
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() < WAITING {
            events.push(*event);
        } else {
            self.missed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether events are wanted.
    pub(super) fn want(&self, is_wanted: bool) {
        self.is_wanted.store(is_wanted, Ordering::Relaxed);
    }

    /// All that were handed over.
    pub(super) fn events(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn condition(&self) -> Condition {
        let condition = self.condition.lock();
        condition.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Condition)) {
        change(
            &mut self
                .condition
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    /// What keeps it from being written.
    pub(in crate::daemon) fn fault(&self) -> Option<String> {
        self.condition().fault
    }

    pub(in crate::daemon) fn report(&self) -> Report {
        let condition = self.condition();
        let time = |ms| {
            let time = jiff::Timestamp::from_millisecond(ms).ok()?;
            Some(format!("{time:.3}"))
        };
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Report {
            iface: self.iface.clone(),
            path: self.path.clone(),
            enabled: condition.enabled,
            writing: condition.is_writing(),
            size_bytes: condition.extent.size,
            oldest: condition
                .extent
                .oldest
                .and_then(|begin| time(begin * 1_000)),
            written: condition.written.and_then(time),
            fault: condition.fault,
            rows: load(&self.rows),
            failures: load(&self.failures),
            events_missed: load(&self.missed),
            packets_lost: load(&self.lost),
        }
    }
}

impl Condition {
    fn is_writing(&self) -> bool {
        self.enabled && self.fault.is_none()
    }
}

/// All of them in Prometheus' text format.
pub(in crate::daemon) fn metrics(all: &[Arc<State>]) -> String {
    let mut text = String::new();
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let mut family = |name: &str, kind: &str, help: &str, value: &dyn Fn(&State) -> u64| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for one in all {
            let iface = crate::report::label(&one.iface);
            let _ = writeln!(text, "{name}{{iface=\"{iface}\"}} {}", value(one));
        }
    };
    family(
        "throttler_history_writing",
        "gauge",
        "1 if what is refused is written to the history, or the policy wants none.",
        &|one| u64::from(one.fault().is_none()),
    );
    family(
        "throttler_history_rows_total",
        "counter",
        "Rows written to the history.",
        &|one| load(&one.rows),
    );
    family(
        "throttler_history_write_failures_total",
        "counter",
        "Attempts to write to the history that failed.",
        &|one| load(&one.failures),
    );
    family(
        "throttler_history_events_missed_total",
        "counter",
        "Events that the history did not hear of; what they told of is found in the source table.",
        &|one| load(&one.missed),
    );
    family(
        "throttler_history_packets_lost_total",
        "counter",
        "Refused packets that the history gave up, for nothing could be written for too long.",
        &|one| load(&one.lost),
    );
    family(
        "throttler_history_size_bytes",
        "gauge",
        "Size of the history's file.",
        &|one| one.condition().extent.size,
    );
    text
}
