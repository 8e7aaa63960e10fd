//! Prometheus metrics, text exposition format 0.0.4. Never an address as a label.

use std::fmt::Write as _;

use anyhow::Result;

use super::attached::Attachment;
use super::counters::{self, InterfaceReport};

/// The metrics of the interfaces. `reloaded` says whether the latest reload succeeded.
///
/// # Errors
/// The kernel's.
pub fn metrics(attached: &[Attachment], reloaded: bool) -> Result<String> {
    let reports = attached
        .iter()
        .map(counters::report)
        .collect::<Result<Vec<_>>>()?;
    let mut text = String::new();
    let mut family = |name: &str, kind: &str, help: &str, samples: Vec<String>| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for sample in samples {
            let _ = writeln!(text, "{name}{sample}");
        }
    };
    let each = |value: fn(&InterfaceReport) -> u64| -> Vec<String> {
        let sample =
            |r: &InterfaceReport| format!("{{iface=\"{}\"}} {}", escape(&r.iface), value(r));
        reports.iter().map(sample).collect()
    };
    family(
        "throttler_packets_total",
        "counter",
        "Packets by interface, scope and reason since attach.",
        by_reason(&reports, |count| count.packets),
    );
    family(
        "throttler_bytes_total",
        "counter",
        "L3 bytes by interface, scope and reason since attach.",
        by_reason(&reports, |count| count.bytes),
    );
    family(
        "throttler_source_entries",
        "gauge",
        "Entries of the source tables.",
        each(|r| r.sources.entries),
    );
    family(
        "throttler_source_entries_max",
        "gauge",
        "Entries that the source table of one address family has room for.",
        each(|r| r.sources.max),
    );
    family(
        "throttler_bans_active",
        "gauge",
        "Sources and prefixes that are banned now.",
        each(|r| r.bans.active),
    );
    family(
        "throttler_bans_total",
        "counter",
        "Bans of sources given since attach.",
        each(|r| r.bans.given),
    );
    family(
        "throttler_table_newcomers_total",
        "counter",
        "Packets of sources that found no room in the source table, by what became of them.",
        newcomers(&reports),
    );
    family(
        "throttler_events_lost_total",
        "counter",
        "Abuse events that found the ring full.",
        each(|r| r.events.lost),
    );
    family(
        "throttler_policy_generation",
        "gauge",
        "Generation of the policy in force.",
        each(|r| u64::from(r.generation)),
    );
    family(
        "throttler_policy_last_reload_successful",
        "gauge",
        "1 if the latest load or reload of the policy succeeded.",
        vec![format!(" {}", u8::from(reloaded))],
    );
    family(
        "throttler_build_info",
        "gauge",
        "Always 1; the version is a label.",
        vec![format!("{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))],
    );
    Ok(text)
}

fn by_reason(reports: &[InterfaceReport], value: fn(&counters::Count) -> u64) -> Vec<String> {
    let mut samples = Vec::new();
    for report in reports {
        for scope in &report.scopes {
            for (reason, count) in &scope.reasons {
                samples.push(format!(
                    "{{iface=\"{}\",scope=\"{}\",reason=\"{reason}\"}} {}",
                    escape(&report.iface),
                    escape(&scope.scope),
                    value(count)
                ));
            }
        }
    }
    samples
}

fn newcomers(reports: &[InterfaceReport]) -> Vec<String> {
    let sample = |report: &InterfaceReport, outcome, value| {
        let iface = escape(&report.iface);
        format!("{{iface=\"{iface}\",outcome=\"{outcome}\"}} {value}")
    };
    let both = |report: &InterfaceReport| {
        let pressure = &report.pressure;
        [
            sample(report, "passed", pressure.passed),
            sample(report, "refused", pressure.refused),
        ]
    };
    reports.iter().flat_map(both).collect()
}

/// Label values escape backslash, quote and line feed.
#[must_use]
pub fn escape(label: &str) -> String {
    label
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
