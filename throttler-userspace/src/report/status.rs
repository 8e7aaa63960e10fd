//! `status`: one screen.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

use super::attached::Attachment;
use super::output::{Format, harmless, json, seconds};
use super::{counters, global};

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
    bans: counters::Bans,
    global_limits: usize,
    global_used_up: Vec<UsedUp<'a>>,
    pressure: counters::Pressure,
    totals: counters::Totals,
}

/// A `global` limit that refuses whoever has no share reserved.
#[derive(Debug, Serialize)]
struct UsedUp<'a> {
    scope: &'a str,
    limit: &'a str,
    retry_after_s: f64,
}

fn used_up(attachment: &Attachment) -> Vec<UsedUp<'_>> {
    let mut found = Vec::new();
    for scope in &attachment.description.scopes {
        let (levels, _) = global::levels(attachment, scope, false);
        let empty = levels.into_iter().filter(|one| one.level.retry > 0);
        found.extend(empty.map(|one| UsedUp {
            scope: &scope.name,
            limit: &one.limit.name,
            retry_after_s: seconds(one.level.retry),
        }));
    }
    found
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
            bans: counted.bans,
            global_limits: description.scopes.iter().map(|s| s.global.len()).sum(),
            global_used_up: used_up(attachment),
            pressure: counted.pressure,
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
    writeln!(
        out,
        "  process  {daemon}; on exit: {}",
        harmless(report.on_exit.to_owned())
    )?;
    writeln!(
        out,
        "  policy   {}, generation {} of {}: {} scopes, {} plans, {} source prefixes",
        harmless(report.policy.to_owned()),
        report.generation,
        harmless(report.published.to_owned()),
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
    writeln!(
        out,
        "  bans     {} in force, {} given to sources since attach",
        report.bans.active, report.bans.given
    )?;
    writeln!(
        out,
        "  limits   {}; {}",
        global_line(report),
        pressure_line(report)
    )?;
    Ok(())
}

fn global_line(report: &StatusReport<'_>) -> String {
    let used_up = |one: &UsedUp<'_>| {
        let UsedUp {
            scope,
            limit,
            retry_after_s,
        } = one;
        format!("{scope} global.{limit} for {retry_after_s:.1} s")
    };
    match (report.global_limits, &*report.global_used_up) {
        (0, _) => "no global limits".to_owned(),
        (_, []) => "no global limit is used up".to_owned(),
        (_, found) => {
            let found: Vec<_> = found.iter().map(used_up).collect();
            format!("USED UP: {}", found.join(", "))
        }
    }
}

fn pressure_line(report: &StatusReport<'_>) -> String {
    let counters::Pressure { passed, refused } = report.pressure;
    if (passed, refused) == (0, 0) {
        return "no pressure on the source table".to_owned();
    }
    format!(
        "source table was full: {refused} packets of newcomers refused, {passed} passed since attach"
    )
}
