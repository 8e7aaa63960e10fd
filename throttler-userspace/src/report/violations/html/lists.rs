//! Lists: who was refused by what, who is near a limit, what the next plan up would have admitted, what monitor mode let pass.

use std::io::Write;

use anyhow::Result;

use super::people;
use super::tables::Table;
use crate::report::violations::Found;
use crate::report::violations::groups::Group;
use crate::report::violations::table::{reason, source};
use crate::report::violations::texts::NONE;
use crate::report::violations::words::{self, count};

/// Writes those that have something in them.
pub(super) fn write(out: &mut impl Write, found: &Found) -> Result<()> {
    if found.ask.by.is_empty() {
        section(out, "rows", "Who was refused", &part(found), &rows(found))?;
    } else {
        section(out, "rows", "In groups", &part(found), &groups(found))?;
    }
    let text = "Sources at 80 % or more of a limit with a period of an hour or longer, when this page was made";
    section(out, "near", "Near a limit", text, &near(found))?;
    let text = "At least so much more of what one limit refused would have passed";
    section(
        out,
        "next-plan",
        "With the next plan up",
        text,
        &next(found),
    )?;
    let text = "What monitor mode let pass, and would have been refused";
    section(out, "spared", "Spared", text, &spared(found))
}

fn section(out: &mut impl Write, id: &str, title: &str, text: &str, table: &Table) -> Result<()> {
    if table.is_empty() {
        return Ok(());
    }
    let table = table.markup(title);
    writeln!(
        out,
        "<section id=\"{id}\"><h2>{title}</h2><p>{text}</p>{table}</section>"
    )?;
    Ok(())
}

fn part(found: &Found) -> String {
    let shown = found.rows.items().len().max(found.groups.items().len()) as u64;
    match shown < found.count {
        true => format!("The worst {} of {}", count(shown), count(found.count)),
        false => "The worst first".to_owned(),
    }
}

/// Bytes, on one line.
fn bytes(number: u64) -> String {
    words::bytes(number).replace(' ', "\u{a0}")
}

fn dash(text: Option<&str>) -> String {
    text.unwrap_or("–").to_owned()
}

fn when(time: Option<&String>) -> String {
    let text = time.and_then(|time| time.split('.').next());
    people(text.unwrap_or("–"))
}

fn rows(found: &Found) -> Table {
    let mut table = Table::new(&[
        "Source",
        "Scope",
        "Plan",
        "Limit",
        "Reason",
        "Packets",
        "Bytes",
        "While banned",
        "Bans",
        "First",
        "Last",
    ]);
    for row in found.rows.items() {
        let row = found.violation(row);
        let limit = match (row.limit, row.rate) {
            (Some(limit), Some(rate)) => format!("{limit} {rate}"),
            (limit, _) => dash(limit),
        };
        table.row([
            source(&row),
            row.scope.to_owned(),
            dash(row.plan),
            limit,
            reason(row.reason, row.monitored),
            count(row.sums.refused.packets),
            bytes(row.sums.refused.bytes),
            count(row.sums.banned.packets),
            count(row.sums.bans),
            when(row.sums.first.as_ref()),
            when(row.sums.last.as_ref()),
        ]);
    }
    table
}

fn groups(found: &Found) -> Table {
    let mut table = Table::new(&[
        "Of",
        "Sources",
        "Packets",
        "Bytes",
        "Spared",
        "While banned",
        "Bans",
        "First",
        "Last",
    ]);
    for group in found.groups.items() {
        let group = found.grouped(group);
        let key = |(name, value): (&&str, &Option<String>)| {
            format!("{name} {}", value.as_deref().unwrap_or("–"))
        };
        let keys: Vec<String> = group.key.iter().map(key).collect();
        table.row([
            keys.join(", "),
            count(group.sources),
            count(group.sums.refused.packets),
            bytes(group.sums.refused.bytes),
            count(group.spared.packets),
            count(group.sums.banned.packets),
            count(group.sums.bans),
            when(group.sums.first.as_ref()),
            when(group.sums.last.as_ref()),
        ]);
    }
    table
}

fn near(found: &Found) -> Table {
    let mut table = Table::new(&[
        "Source",
        "Scope",
        "Plan",
        "Limit",
        "Used",
        "Left",
        "Full again in",
    ]);
    for near in &found.near {
        table.row([
            near.source.clone(),
            near.scope.clone(),
            dash(near.plan.as_deref()),
            format!("{} {}", near.limit, near.rate),
            format!("{:.0} %", near.used * 100.0),
            format!(
                "{} of {} {}",
                count(near.remaining),
                count(near.burst),
                near.unit
            ),
            crate::report::ago::words(near.reset_s as u64),
        ]);
    }
    table
}

fn next(found: &Found) -> Table {
    let mut table = Table::new(&[
        "Source",
        "Scope",
        "Plan",
        "Limit",
        "Next plan",
        "Refused",
        "Admitted, at least",
    ]);
    for next in found.next.items() {
        let row = found.violation(&next.row);
        let unit = match next.rate {
            NONE => "packets",
            _ => row.unit.unwrap_or("packets"),
        };
        let rate = found.texts.some(next.rate).unwrap_or("unlimited");
        table.row([
            row.source,
            row.scope.to_owned(),
            dash(row.plan),
            format!("{} {}", dash(row.limit), dash(row.rate)),
            format!("{}, {rate}", found.texts.text(next.plan)),
            format!("{} packets", count(row.sums.refused.packets)),
            format!("{} {unit}", count(next.units)),
        ]);
    }
    table
}

fn spared(found: &Found) -> Table {
    let mut table = Table::new(&["Scope", "Plan", "Sources", "Packets", "Bytes"]);
    for group in found.spared.items() {
        let Group {
            key, sum, sources, ..
        } = group;
        let text = |number: Option<u32>| dash(number.and_then(|number| found.texts.some(number)));
        let packets = count(sum.spared.packets);
        table.row([
            text(key.scope),
            text(key.plan),
            count(*sources),
            packets,
            bytes(sum.spared.bytes),
        ]);
    }
    table
}
