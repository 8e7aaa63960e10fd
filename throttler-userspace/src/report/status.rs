//! `status`: one screen.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::attached::Attachment;
use super::counters;
use super::output::{Format, json};

#[derive(Debug, Serialize)]
struct StatusReport<'a> {
    iface: &'a str,
    xdp_mode: &'a str,
    attached: bool,
    daemon_pid: Option<u32>,
    mode: &'a str,
    paused: bool,
    paused_for_s: Option<f64>,
    generation: u32,
    policy: &'a str,
    published: &'a str,
    on_exit: &'a str,
    scopes: usize,
    plans: usize,
    prefixes: usize,
    sources: counters::SourceCount,
    totals: counters::Totals,
}

/// Prints the state of the interfaces. `daemon` answers for an interface which process serves it.
///
/// # Errors
/// The kernel's, or the writer's.
pub fn status(
    out: &mut impl Write,
    attached: &[Attachment],
    daemon: impl Fn(&str) -> Option<u32>,
    format: Format,
) -> Result<()> {
    let mut all = Vec::new();
    for attachment in attached {
        let counted = counters::report(attachment)?;
        let description = &attachment.description;
        all.push(StatusReport {
            iface: attachment.iface(),
            xdp_mode: attachment.xdp_mode(),
            attached: attachment.mode.is_some(),
            daemon_pid: daemon(attachment.iface()),
            mode: &description.mode,
            paused: counted.paused,
            paused_for_s: counted.paused_for_s,
            generation: description.generation,
            policy: &description.policy,
            published: &description.published,
            on_exit: &description.on_exit,
            scopes: description.scopes.len(),
            plans: description.plans.len(),
            prefixes: description.prefixes,
            sources: counted.sources,
            totals: counted.totals,
        });
    }
    if format != Format::Table {
        return json(out, format, "interfaces", &all);
    }
    for report in &all {
        print(out, report)?;
    }
    Ok(())
}

fn print(out: &mut impl Write, report: &StatusReport<'_>) -> Result<()> {
    let state = match (report.attached, report.paused, report.paused_for_s) {
        (false, _, _) => "NOT ATTACHED: nothing is limited; start `throttler run`".to_owned(),
        (true, true, Some(left)) => format!("paused for {left:.0} s more: everything passes"),
        (true, true, None) => "paused: everything passes until `throttler resume`".to_owned(),
        (true, false, _) => match report.mode {
            "monitor" => "monitoring: counts what it would drop, drops nothing".to_owned(),
            _ => "enforcing".to_owned(),
        },
    };
    let daemon = match report.daemon_pid {
        Some(pid) => format!("daemon {pid}"),
        None => "no daemon (the program goes on without one; no reload, no abuse log)".to_owned(),
    };
    let totals = &report.totals;
    let share = if totals.packets == 0 {
        0.0
    } else {
        100.0 * totals.dropped as f64 / totals.packets as f64
    };
    writeln!(out, "{}: {state}", report.iface)?;
    writeln!(out, "  XDP      {}", report.xdp_mode)?;
    writeln!(out, "  process  {daemon}; on exit: {}", report.on_exit)?;
    writeln!(
        out,
        "  policy   {}, generation {} of {}: {} scopes, {} plans, {} source prefixes",
        report.policy,
        report.generation,
        report.published,
        report.scopes,
        report.plans,
        report.prefixes
    )?;
    writeln!(
        out,
        "  sources  {} known, room for {} of each family",
        report.sources.entries, report.sources.max
    )?;
    writeln!(
        out,
        "  packets  {} seen, {} passed, {} dropped ({share:.1} %) since attach",
        totals.packets, totals.passed, totals.dropped
    )?;
    Ok(())
}
