//! A report for people.

use std::io::Write;

use anyhow::Result;

use super::groups::Group;
use super::json::{Sums, Violation};
use super::near::DAY_S;
use super::texts::NONE;
use super::words::{bytes, count, to_the_second};
use super::{Found, groups};
use crate::report::output::{Table, harmless};

/// Prints the report: what there was in all, who was refused, and what comes of it.
///
/// # Errors
/// The writer's.
pub fn table(out: &mut impl Write, found: &Found) -> Result<()> {
    summary(out, found)?;
    if found.ask.by.is_empty() {
        rows(out, found)?;
        section(out, "Plans", found, found.plans.items(), &["plan"])?;
    } else {
        let names = groups::names(&found.ask.by);
        let shown = found.groups.items().len() as u64;
        let title = format!("By {}{}", found.by(), part(shown, found.count));
        section(out, &title, found, found.groups.items(), &names)?;
    }
    near(out, found)?;
    next(out, found)?;
    spared(out, found)
}

impl Found {
    fn by(&self) -> String {
        let by: Vec<&str> = self.ask.by.iter().map(|by| by.as_str()).collect();
        by.join(" and ")
    }

    /// How far back the history goes, where that is not as far as was asked.
    pub(super) fn cut(&self) -> Option<String> {
        match self.oldest {
            Some(oldest) if self.is_cut() => Some(format!(
                "The oldest refusal that is kept is of {}: nothing is known of the time before.",
                to_the_second(oldest)
            )),
            Some(_) => None,
            None => Some("No refusal has been kept.".to_owned()),
        }
    }
}

fn summary(out: &mut impl Write, found: &Found) -> Result<()> {
    let sum = &found.totals.sum;
    let period = &found.ask.period;
    writeln!(
        out,
        "{} to {}",
        to_the_second(period.since),
        to_the_second(period.until)
    )?;
    let about = if sum.estimated { "about " } else { "" };
    writeln!(
        out,
        "{} packets ({about}{}) refused to {} sources; {} bans, {} packets dropped while banned",
        count(sum.refused.packets),
        bytes(sum.refused.bytes),
        count(found.totals.sources),
        count(sum.bans),
        count(sum.banned.packets)
    )?;
    if let Some(cut) = found.cut() {
        writeln!(out, "{cut}")?;
    }
    Ok(())
}

/// What is said of a list that is shown in part.
fn part(shown: u64, count: u64) -> String {
    if shown < count {
        format!(", the worst {shown} of {count}")
    } else {
        String::new()
    }
}

/// The columns of all sums.
const SUMS: [&str; 8] = [
    "refused", "bytes", "banned", "bans", "wait", "until", "first", "last",
];

fn sums(sums: &Sums) -> Vec<String> {
    let time = |time: &Option<String>| match time {
        Some(time) => time
            .split('.')
            .next()
            .map_or_else(String::new, |time| format!("{time}Z")),
        None => "-".to_owned(),
    };
    vec![
        sums.refused.packets.to_string(),
        sums.refused.bytes.to_string(),
        sums.banned.packets.to_string(),
        sums.bans.to_string(),
        format!("{:.1}s", sums.longest_wait_s),
        time(&sums.banned_until),
        time(&sums.first),
        time(&sums.last),
    ]
}

/// A row's reason; what monitor mode let pass is marked.
pub(super) fn reason(reason: &str, monitored: bool) -> String {
    match monitored {
        true => format!("{reason} (monitored)"),
        false => reason.to_owned(),
    }
}

fn dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// A source, with how many it stands for.
pub(super) fn source(row: &Violation<'_>) -> String {
    match row.sources {
        0 | 1 => row.source.clone(),
        sources => format!("{} ({sources} sources)", row.source),
    }
}

fn rows(out: &mut impl Write, found: &Found) -> Result<()> {
    let items = found.rows.items();
    if items.is_empty() {
        writeln!(out, "\nNothing was refused in this time.")?;
        return Ok(());
    }
    writeln!(
        out,
        "\nWho was refused{}",
        part(items.len() as u64, found.count)
    )?;
    let several = found.ifaces.len() > 1;
    let iface: &[&str] = if several { &["iface"] } else { &[] };
    let head = [
        iface,
        &["source", "scope", "plan", "limit", "rate", "reason"],
        &SUMS,
    ]
    .concat();
    let mut table = Table::new(&head);
    for row in items {
        let row = found.violation(row);
        let mut cells = Vec::new();
        cells.extend(several.then(|| row.iface.to_owned()));
        cells.extend([source(&row), row.scope.to_owned()]);
        cells.extend([row.plan, row.limit, row.rate].map(dash));
        cells.push(reason(row.reason, row.monitored));
        cells.extend(sums(&row.sums));
        table.row(cells);
    }
    table.print(out)?;
    Ok(())
}

fn section(
    out: &mut impl Write,
    title: &str,
    found: &Found,
    items: &[Group],
    names: &[&str],
) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{title}")?;
    let keys = ["source", "network", "plan", "scope", "limit"];
    let keys: Vec<&str> = keys.into_iter().filter(|key| names.contains(key)).collect();
    let mut table = Table::new(&[&keys[..], &["sources", "spared"], &SUMS].concat());
    for group in items {
        let group = found.grouped(group);
        let mut cells: Vec<String> = keys
            .iter()
            .map(|key| dash(group.key.get(*key).and_then(Option::as_deref)))
            .collect();
        cells.extend([group.sources, group.spared.packets].map(|number| number.to_string()));
        cells.extend(sums(&group.sums));
        table.row(cells);
    }
    table.print(out)?;
    Ok(())
}

fn near(out: &mut impl Write, found: &Found) -> Result<()> {
    let daily: Vec<_> = found
        .near
        .iter()
        .filter(|near| near.period_s >= DAY_S)
        .collect();
    if daily.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nAt 80 % of a daily limit or more, now")?;
    let mut table = Table::new(&[
        "source", "scope", "plan", "limit", "rate", "used", "left", "full in",
    ]);
    for near in daily {
        table.row(vec![
            near.source.clone(),
            near.scope.clone(),
            dash(near.plan.as_deref()),
            near.limit.clone(),
            near.rate.clone(),
            format!("{:.0} %", near.used * 100.0),
            near.remaining.to_string(),
            format!("{:.1}s", near.reset_s),
        ]);
    }
    table.print(out)?;
    Ok(())
}

fn next(out: &mut impl Write, found: &Found) -> Result<()> {
    if found.next.items().is_empty() {
        return Ok(());
    }
    writeln!(out, "\nWhat the next plan up would have admitted more")?;
    let mut table = Table::new(&[
        "source", "scope", "plan", "limit", "rate", "next", "at", "refused", "at least",
    ]);
    for next in found.next.items() {
        let row = found.violation(&next.row);
        let unit = match next.rate {
            NONE => "packets",
            _ => row.unit.unwrap_or("packets"),
        };
        table.row(vec![
            row.source,
            row.scope.to_owned(),
            dash(row.plan),
            dash(row.limit),
            dash(row.rate),
            found.texts.text(next.plan).to_owned(),
            found
                .texts
                .some(next.rate)
                .unwrap_or("unlimited")
                .to_owned(),
            row.sums.refused.packets.to_string(),
            format!("{} {unit}", next.units),
        ]);
    }
    table.print(out)?;
    Ok(())
}

fn spared(out: &mut impl Write, found: &Found) -> Result<()> {
    if found.spared.items().is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\nWhat monitor mode let pass that would have been refused"
    )?;
    let mut table = Table::new(&["scope", "plan", "sources", "packets", "bytes"]);
    for group in found.spared.items() {
        let spared = group.sum.spared;
        let text = |number: Option<u32>| dash(number.and_then(|number| found.texts.some(number)));
        table.row(vec![
            harmless(text(group.key.scope)),
            text(group.key.plan),
            group.sources.to_string(),
            spared.packets.to_string(),
            spared.bytes.to_string(),
        ]);
    }
    table.print(out)?;
    Ok(())
}
