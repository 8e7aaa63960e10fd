//! `status` for people.

use std::io::Write;

use anyhow::Result;
use jiff::Timestamp;

use super::output::harmless;
use super::status::{StatusReport, UsedUp};
use super::{ago, counters};
use crate::standing::Reload;

pub(super) fn print(out: &mut impl Write, report: &StatusReport<'_>) -> Result<()> {
    let state = match (report.attached, report.paused, report.paused_for_s) {
        (false, _, _) => "NOT ATTACHED: nothing is limited; start `throttler run`".to_owned(),
        (true, true, Some(left)) => format!("paused for {left:.0} s more: everything passes"),
        (true, true, None) => "paused: everything passes until `throttler resume`".to_owned(),
        (true, false, _) => match report.mode {
            "monitor" => "monitoring: counts what it would drop, drops nothing".to_owned(),
            _ => "enforcing".to_owned(),
        },
    };
    writeln!(out, "{}: {state}", report.iface)?;
    if let Some(fault) = &report.fault {
        writeln!(out, "  FAULT    {}", harmless(fault.clone()))?;
    }
    if let Some(fault) = &report.history_fault {
        writeln!(out, "  HISTORY  not written: {}", harmless(fault.clone()))?;
    }
    let now = Timestamp::now();
    let mut line = |name: &str, text: String| writeln!(out, "  {name:<8} {}", harmless(text));
    line("XDP", xdp(report, now))?;
    line("process", process(report, now))?;
    line(
        "policy",
        format!(
            "{}, generation {}{}: {} scopes, {} plans, {} source prefixes",
            report.policy,
            report.generation,
            (report.published.parse()).map_or_else(
                |_| String::new(),
                |then| format!(", in force for {}", ago::since(then, now))
            ),
            report.scopes,
            report.plans,
            report.prefixes
        ),
    )?;
    if report.daemon_pid.is_some() {
        line("reload", reload(report.last_reload.as_ref(), now))?;
    }
    line(
        "sources",
        format!(
            "{} known, room for {} of each family; {}",
            report.sources.entries,
            report.sources.max,
            pressure(report)
        ),
    )?;
    let totals = &report.totals;
    line(
        "packets",
        format!(
            "{} seen, {} passed, {} dropped ({}) since attach",
            totals.packets,
            totals.passed,
            totals.dropped,
            percent(totals.dropped as f64, totals.packets as f64)
        ),
    )?;
    if let Some(rates) = &report.per_second {
        let share = percent(rates.dropped, rates.packets);
        line(
            "now",
            format!(
                "{} packets/s, {} dropped/s ({share})",
                rates.packets, rates.dropped
            ),
        )?;
    }
    line(
        "bans",
        format!(
            "{} in force, {} given to sources since attach",
            report.bans.active, report.bans.given
        ),
    )?;
    line("limits", global_line(report))?;
    Ok(())
}

/// A part of a whole; nothing is nothing of nothing.
fn percent(part: f64, whole: f64) -> String {
    let share = if whole > 0.0 {
        100.0 * part / whole
    } else {
        0.0
    };
    format!("{share:.1} %")
}

fn xdp(report: &StatusReport<'_>, now: Timestamp) -> String {
    let mut text = report.xdp_mode.to_owned();
    if let Some(why) = &report.xdp_why {
        text += &format!(" ({why})");
    }
    if let Some(then) = report.attached_at {
        text += &format!(", attached for {}", ago::since(then, now));
    }
    text
}

fn process(report: &StatusReport<'_>, now: Timestamp) -> String {
    let on_exit = report.on_exit;
    let Some(pid) = report.daemon_pid else {
        return format!(
            "no daemon (the program goes on without one; no reload, no abuse log); on exit: {on_exit}"
        );
    };
    let up = report.daemon_since.map_or_else(String::new, |then| {
        format!(", up for {}", ago::since(then, now))
    });
    format!("daemon {pid}{up}; on exit: {on_exit}")
}

fn reload(latest: Option<&Reload>, now: Timestamp) -> String {
    match latest {
        None => "none since the daemon started".to_owned(),
        Some(Reload { at, error: None }) => format!("{} ago, in force", ago::since(*at, now)),
        Some(Reload {
            at,
            error: Some(error),
        }) => format!(
            "FAILED {} ago, the policy before stays in force: {error}",
            ago::since(*at, now)
        ),
    }
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

fn pressure(report: &StatusReport<'_>) -> String {
    let counters::Pressure { passed, refused } = report.pressure;
    if (passed, refused) == (0, 0) {
        return "no pressure on the table".to_owned();
    }
    format!(
        "the table was full: {refused} packets of newcomers refused, {passed} passed since attach"
    )
}
