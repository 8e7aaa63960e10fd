//! Targets of what is not a packet: memory, publishing, dumping, the daemon.

use super::super::Report;
use super::{Bound, Target};

/// Names of facts.
pub(crate) const SLOT_BYTES: &str = "memory a source slot, as `check` states it";
pub(crate) const DUMP_SECONDS: &str = "`dump buckets` of 1,000,000 sources";
pub(crate) const IDLE_CPU: &str = "daemon idle, share of a core";
pub(crate) const IDLE_MEMORY: &str = "daemon idle, resident memory";

pub(super) fn targets(report: &Report) -> Vec<Target> {
    let published = |prefixes, of: fn(&super::super::Times) -> f64| {
        let mut rows = report.published.iter();
        let row = rows.find(|row| row.prefixes == prefixes)?;
        row.seen.as_ref().ok().map(of)
    };
    let whole: fn(&super::super::Times) -> f64 =
        |times| times.parse + times.compile + times.publish;
    let most = |case, figure, bound, measured| Target {
        case,
        figure,
        bound: Bound::AtMost(bound),
        measured,
    };
    vec![
        most(
            "memory",
            "bytes a source slot with its key",
            128.0,
            report.fact(SLOT_BYTES),
        ),
        most(
            "publish a policy with 10,000 source prefixes",
            "ms to read, compile and publish it as a reload",
            100.0,
            published(10_000, whole),
        ),
        most(
            "publish a policy with 1,000,000 source prefixes",
            "ms to read, compile and publish it as a reload",
            5_000.0,
            published(1_000_000, whole),
        ),
        most(
            "`dump buckets` of 1,000,000",
            "s",
            1.0,
            report.fact(DUMP_SECONDS),
        ),
        most(
            "daemon idle",
            "per cent of a core",
            0.2,
            report.fact(IDLE_CPU),
        ),
        most(
            "daemon idle",
            "MB resident beside the maps",
            25.0,
            report.fact(IDLE_MEMORY),
        ),
    ]
}
