//! How an interface's enforcement does: what its self-check found, and how much of the policy its maps hold. For the
//! metrics and `/healthz`.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::attachment::Attached;
use crate::kernel::sys;

/// One interface's. The daemon's loop writes, everybody reads.
#[derive(Debug)]
pub(super) struct Vitals {
    iface: String,
    /// What the latest self-check found wrong.
    fault: Mutex<Option<String>>,
    pub(super) desired: AtomicU64,
    pub(super) enforced: AtomicU64,
    pub(super) heals: AtomicU64,
    pub(super) left_out: AtomicU64,
}

impl Vitals {
    pub(super) fn new(iface: &str) -> Self {
        Self {
            iface: iface.to_owned(),
            fault: Mutex::new(None),
            desired: AtomicU64::new(0),
            enforced: AtomicU64::new(0),
            heals: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whose they are.
    pub(super) fn iface(&self) -> &str {
        &self.iface
    }

    /// What is wrong, if anything is.
    pub(super) fn fault(&self) -> Option<String> {
        self.fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes what is wrong; whether that is news.
    pub(super) fn note(&self, fault: Option<String>) -> bool {
        let mut noted = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *noted != fault;
        *noted = fault;
        news
    }
}

/// When the daemon's loop turned last: what enforces needs no loop, what heals and reloads does.
#[derive(Clone, Debug)]
pub(super) struct Pulse {
    last: Arc<AtomicU64>,
    longest: Duration,
}

impl Pulse {
    /// For a loop that turns at least once a `period`, in which it checks itself. A reload of the largest policy takes
    /// seconds, and is no fault.
    pub(super) fn new(period: Duration) -> Self {
        let pulse = Self {
            last: Arc::default(),
            longest: Duration::from_secs(60).max(3 * period),
        };
        pulse.beat();
        pulse
    }

    /// It turns.
    pub(super) fn beat(&self) {
        self.last.store(sys::monotonic_ns(), Ordering::Relaxed);
    }

    /// What is wrong if it has not turned for too long.
    pub(super) fn fault(&self) -> Option<String> {
        let last = self.last.load(Ordering::Relaxed);
        let still = Duration::from_nanos(sys::monotonic_ns().saturating_sub(last));
        (still > self.longest).then(|| {
            format!(
                "the daemon has done nothing for {} s: no reload, no self-check",
                still.as_secs()
            )
        })
    }
}

/// Those of all interfaces that the daemon is for.
pub(super) fn of(ifaces: &[String], attached: &[Attached]) -> Arc<[Arc<Vitals>]> {
    let of = |iface: &String| {
        let known = attached.iter().find(|one| one.pins.iface == *iface);
        known.map_or_else(
            || {
                let vitals = Vitals::new(iface);
                vitals.note(Some("it is not there yet".to_owned()));
                Arc::new(vitals)
            },
            |one| Arc::clone(&one.vitals),
        )
    };
    ifaces.iter().map(of).collect()
}

/// What is wrong on any interface.
pub(super) fn faults(all: &[Arc<Vitals>]) -> Vec<String> {
    let of = |one: &Arc<Vitals>| one.fault().map(|fault| format!("{}: {fault}", one.iface));
    all.iter().filter_map(of).collect()
}

/// All of them in Prometheus' text format, to stand behind those of the maps.
pub(super) fn metrics(all: &[Arc<Vitals>]) -> String {
    let mut text = String::new();
    let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let mut family = |name: &str, kind: &str, help: &str, value: &dyn Fn(&Vitals) -> u64| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for one in all {
            let iface = crate::report::label(&one.iface);
            let _ = writeln!(text, "{name}{{iface=\"{iface}\"}} {}", value(one));
        }
    };
    family(
        "throttler_selfcheck_successful",
        "gauge",
        "1 if the latest self-check found the policy in force enforced.",
        &|one| u64::from(one.fault().is_none()),
    );
    family(
        "throttler_desired_entries",
        "gauge",
        "Entries of the policy's tables that are to be in the maps.",
        &|one| load(&one.desired),
    );
    family(
        "throttler_enforced_entries",
        "gauge",
        "Those of them that were found in the maps.",
        &|one| load(&one.enforced),
    );
    family(
        "throttler_heals_total",
        "counter",
        "Times that the policy was put into force again because the maps differed.",
        &|one| load(&one.heals),
    );
    family(
        "throttler_log_events_left_out_total",
        "counter",
        "Events beyond --log-events-per-second, which the abuse log has a summary of.",
        &|one| load(&one.left_out),
    );
    text
}
