//! The report as JSON: every row, with what was not measured and why.

use serde_json::{Value, json};

use super::targets::{Bound, Target};
use super::{Cost, Fact, Live, Load, Published, Report};

pub(crate) const SCHEMA_VERSION: u32 = 1;

pub(crate) fn render(report: &Report, targets: &[Target]) -> String {
    let machine = &report.machine;
    let document = json!({
        "schema_version": SCHEMA_VERSION,
        "machine": {
            "cpu": machine.cpu,
            "cores": machine.cores,
            "kernel": machine.kernel,
        },
        "date": machine.date,
        "effort": machine.effort,
        "targets": targets.iter().map(target).collect::<Vec<_>>(),
        "datapath": report.costs.iter().map(cost).collect::<Vec<_>>(),
        "live": report.live.iter().map(live).collect::<Vec<_>>(),
        "fixed_rate_flood": report.loads.iter().map(load).collect::<Vec<_>>(),
        "publish": report.published.iter().map(published).collect::<Vec<_>>(),
        "facts": report.facts.iter().map(fact).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

fn target(target: &Target) -> Value {
    let (bound, value) = match target.bound {
        Bound::AtMost(value) => ("at_most", value),
        Bound::AtLeast(value) => ("at_least", value),
    };
    json!({
        "case": target.case,
        "figure": target.figure,
        bound: value,
        "measured": target.measured,
        "reached": target.reached(),
    })
}

fn cost(cost: &Cost) -> Value {
    let [whole, floor] = match &cost.nanos {
        Ok(nanos) => nanos.map(Some),
        Err(_) => [None; 2],
    };
    json!({
        "program": cost.program,
        "case": cost.case,
        "family": cost.family,
        "sources": cost.draw.to_string(),
        "cpus": cost.cpus,
        "ns": whole,
        "floor_ns": floor,
        "net_ns": cost.net(),
        "ratio_to_floor": cost.ratio().map(rounded),
        "missing": cost.nanos.as_ref().err(),
    })
}

fn live(row: &Live) -> Value {
    let seen = row.seen.as_ref().ok();
    json!({
        "program": row.program,
        "sources": row.draw.to_string(),
        "packets_per_second": seen.map(|seen| seen.pps.round()),
        "core_busy": seen.map(|seen| rounded(seen.busy)),
        "cpu_ns_per_packet": seen.map(|seen| rounded(1e9 * seen.busy / seen.pps.max(1.0))),
        "passed": seen.map(|seen| rounded(seen.passed)),
        "missing": row.seen.as_ref().err(),
    })
}

fn load(row: &Load) -> Value {
    let seen = row.seen.as_ref().ok();
    json!({
        "program": row.program,
        "packets_per_second": seen.map(|seen| seen.pps.round()),
        "core_busy": seen.map(|seen| rounded(seen.busy)),
        "honest_p50_us": seen.and_then(|seen| seen.p50).map(rounded),
        "honest_p99_us": seen.and_then(|seen| seen.p99).map(rounded),
        "honest_sent": seen.map(|seen| seen.sent),
        "honest_lost": seen.map(|seen| seen.lost),
        "missing": row.seen.as_ref().err(),
    })
}

fn published(row: &Published) -> Value {
    let times = row.seen.as_ref().ok();
    json!({
        "prefixes": row.prefixes,
        "parse_ms": times.map(|times| rounded(times.parse)),
        "compile_ms": times.map(|times| rounded(times.compile)),
        "publish_ms": times.map(|times| rounded(times.publish)),
        "packet_cost_meanwhile": times.map(|times| rounded(times.meanwhile)),
        "missing": row.seen.as_ref().err(),
    })
}

fn fact(fact: &Fact) -> Value {
    json!({
        "name": fact.name,
        "unit": fact.unit,
        "value": fact.value.as_ref().ok(),
        "missing": fact.value.as_ref().err(),
    })
}

/// Three digits behind the point: the rest is noise.
fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}
