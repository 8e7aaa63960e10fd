//! What the lookout has found, for the metrics.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::alert::Kind;
use crate::report::label;

/// The label of what is on all interfaces.
const ALL: &str = "*";

/// The lookout writes, everybody reads.
#[derive(Debug)]
pub(in crate::daemon) struct Tally {
    ifaces: Vec<OfInterface>,
    /// What no single interface has found.
    all: OfInterface,
    /// Events that found the lookout's queue full.
    pub(super) missed: AtomicU64,
    /// What there was no room to remember.
    pub(super) forgotten: AtomicU64,
}

#[derive(Debug, Default)]
pub(super) struct OfInterface {
    iface: String,
    alerts: [AtomicU64; Kind::ALL.len()],
    /// Buckets of long limits that are nearly used up.
    pub(super) near: AtomicU64,
    /// Looks at the whole source table.
    pub(super) sweeps: AtomicU64,
}

impl Tally {
    pub(super) fn new(ifaces: &[String]) -> Self {
        let of = |iface: &str| OfInterface {
            iface: iface.to_owned(),
            ..OfInterface::default()
        };
        Self {
            ifaces: ifaces.iter().map(|iface| of(iface)).collect(),
            all: of(ALL),
            missed: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
        }
    }

    /// An interface's; without one, what is on all of them.
    pub(super) fn of(&self, place: Option<usize>) -> &OfInterface {
        place
            .and_then(|place| self.ifaces.get(place))
            .unwrap_or(&self.all)
    }

    /// Counts what was found.
    pub(super) fn count(&self, place: Option<usize>, kind: Kind, more: u64) {
        let index = Kind::ALL.iter().position(|one| *one == kind);
        if let Some(count) = index.and_then(|index| self.of(place).alerts.get(index)) {
            count.fetch_add(more, Ordering::Relaxed);
        }
    }

    /// In Prometheus' text format, to stand behind the others.
    pub(in crate::daemon) fn metrics(&self) -> String {
        let mut text = String::new();
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        };
        // A policy that is not taken is found by whoever reads it.
        let kinds = || {
            Kind::ALL
                .iter()
                .zip(0..)
                .filter(|(kind, _)| **kind != Kind::ReloadFailed)
        };
        let all = self.ifaces.iter().chain([&self.all]);
        let alerts = all.flat_map(|one| {
            kinds().map(move |(kind, index): (_, usize)| {
                let iface = label(&one.iface);
                (
                    format!("{{iface=\"{iface}\",event=\"{}\"}}", kind.as_str()),
                    load(&one.alerts[index]),
                )
            })
        });
        let alerts: Vec<_> = alerts.collect();
        let each = |value: fn(&OfInterface) -> &AtomicU64| -> Vec<(String, u64)> {
            let sample = |one: &OfInterface| {
                (
                    format!("{{iface=\"{}\"}}", label(&one.iface)),
                    load(value(one)),
                )
            };
            self.ifaces.iter().map(sample).collect()
        };
        family(
            "throttler_alerts_total",
            "counter",
            "What was found worth an alert, by interface (* for all of them) and event.",
            &alerts,
        );
        family(
            "throttler_near_limit_sources",
            "gauge",
            "Buckets of limits with a period of an hour or more that were told of as nearly used up and are not full again.",
            &each(|one| &one.near),
        );
        family(
            "throttler_lookout_sweeps_total",
            "counter",
            "Looks at the whole source table for such buckets.",
            &each(|one| &one.sweeps),
        );
        family(
            "throttler_lookout_missed_total",
            "counter",
            "Events of the datapath that found the lookout's queue full, and of which no alert came.",
            &[(String::new(), load(&self.missed))],
        );
        family(
            "throttler_lookout_forgotten_total",
            "counter",
            "Sources, bans and buckets that the lookout had no room to remember.",
            &[(String::new(), load(&self.forgotten))],
        );
        text
    }
}
