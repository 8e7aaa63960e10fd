//! A report as one JSON document. Rows are written as they are made: a million of them take no memory of their own.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use throttler_common::abi::Tally;

use super::bins::Fate;
use super::groups::Group;
use super::sum::{Sum, timestamp};
use super::texts::NONE;
use super::{Found, Next, Row};
use crate::report::SCHEMA_VERSION;
use crate::report::output::seconds;

#[derive(Clone, Copy, Serialize)]
pub(super) struct Count {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl From<Tally> for Count {
    fn from(tally: Tally) -> Self {
        Self {
            packets: tally.packets,
            bytes: tally.bytes,
        }
    }
}

/// A row.
#[derive(Serialize)]
pub(super) struct Violation<'a> {
    pub(super) iface: &'a str,
    pub(super) source: String,
    /// Sources that it stands for.
    pub(super) sources: u64,
    pub(super) scope: &'a str,
    pub(super) plan: Option<&'a str>,
    pub(super) limit: Option<&'a str>,
    pub(super) unit: Option<&'a str>,
    pub(super) rate: Option<&'a str>,
    pub(super) reason: &'a str,
    pub(super) monitored: bool,
    #[serde(flatten)]
    pub(super) sums: Sums,
}

/// The sums of a row or group.
#[derive(Serialize)]
pub(super) struct Sums {
    /// Of a row of monitor mode: what it let pass that would have been refused.
    pub(super) refused: Count,
    pub(super) bytes_estimated: bool,
    pub(super) banned: Count,
    pub(super) bans: u64,
    pub(super) banned_until: Option<String>,
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
    pub(super) longest_wait_s: f64,
}

impl Sums {
    fn of(sum: &Sum, refused: Tally) -> Self {
        let is_any = sum.first <= sum.last;
        Self {
            refused: refused.into(),
            bytes_estimated: sum.estimated,
            banned: sum.banned.into(),
            bans: sum.bans,
            banned_until: sum.banned_until.map(timestamp),
            first: is_any.then(|| timestamp(sum.first)),
            last: is_any.then(|| timestamp(sum.last)),
            longest_wait_s: seconds(sum.wait),
        }
    }
}

/// Cells that have something in common.
#[derive(Serialize)]
pub(super) struct Grouped<'a> {
    /// What they have in common: a name, or null.
    #[serde(flatten)]
    pub(super) key: BTreeMap<&'static str, Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) monitored: Option<bool>,
    pub(super) sources: u64,
    #[serde(flatten)]
    pub(super) sums: Sums,
    /// What monitor mode let pass.
    pub(super) spared: Count,
}

#[derive(Serialize)]
struct NextPlan<'a> {
    iface: &'a str,
    source: String,
    scope: &'a str,
    plan: Option<&'a str>,
    limit: Option<&'a str>,
    unit: Option<&'a str>,
    rate: Option<&'a str>,
    monitored: bool,
    refused: Count,
    next_plan: &'a str,
    /// Null: unlimited.
    next_rate: Option<&'a str>,
    /// Units that it would have admitted more, at least; packets where it is unlimited.
    admitted_at_least: u64,
    admitted_unit: &'a str,
}

#[derive(Serialize)]
struct Totals {
    refused: Count,
    spared: Count,
    banned: Count,
    bans: u64,
    sources: u64,
    /// Rows that the time has, printed or not.
    rows: u64,
    bytes_estimated: bool,
    history_since: Option<String>,
    /// The history goes back as far as was asked.
    complete: bool,
}

#[derive(Serialize)]
struct Bar<'a> {
    begin: String,
    /// Packets by reason.
    refused: BTreeMap<&'a str, u64>,
    /// Dropped while their sources were banned.
    banned: u64,
    /// What monitor mode let pass, likewise.
    spared: BTreeMap<&'a str, u64>,
}

impl Found {
    pub(super) fn violation(&self, row: &Row) -> Violation<'_> {
        Violation {
            iface: self
                .ifaces
                .get(row.key.iface as usize)
                .map_or("", String::as_str),
            source: row.key.source.to_string(),
            sources: row.cell.sources,
            scope: self.texts.text(row.key.scope),
            plan: self.texts.some(row.key.plan),
            limit: self.texts.some(row.key.limit),
            unit: self.texts.some(row.cell.unit),
            rate: self.texts.some(row.cell.rate),
            reason: self.texts.text(row.key.reason),
            monitored: row.key.monitored,
            sums: Sums::of(&row.sum, row.sum.tried()),
        }
    }

    pub(super) fn grouped(&self, group: &Group) -> Grouped<'_> {
        let mut key = BTreeMap::new();
        let mut add = |name, value: Option<Option<String>>| {
            value
                .into_iter()
                .for_each(|value| drop(key.insert(name, value)));
        };
        let text =
            |number: Option<u32>| number.map(|number| self.texts.some(number).map(str::to_owned));
        add("source", group.key.source.map(|net| Some(net.to_string())));
        add(
            "network",
            group.key.network.map(|net| Some(net.to_string())),
        );
        add("scope", text(group.key.scope));
        add("plan", text(group.key.plan));
        add("limit", text(group.key.limit));
        Grouped {
            key,
            reason: group.key.reason.map(|reason| self.texts.text(reason)),
            monitored: group.key.monitored,
            sources: group.sources,
            sums: Sums::of(&group.sum, group.sum.refused),
            spared: group.sum.spared.into(),
        }
    }

    fn next_plan(&self, next: &Next) -> NextPlan<'_> {
        let row = self.violation(&next.row);
        NextPlan {
            iface: row.iface,
            source: row.source,
            scope: row.scope,
            plan: row.plan,
            limit: row.limit,
            unit: row.unit,
            rate: row.rate,
            monitored: row.monitored,
            refused: row.sums.refused,
            next_plan: self.texts.text(next.plan),
            next_rate: self.texts.some(next.rate),
            admitted_at_least: next.units,
            admitted_unit: match next.rate {
                NONE => "packets",
                _ => row.unit.unwrap_or("packets"),
            },
        }
    }

    fn totals(&self) -> Totals {
        let sum = &self.totals.sum;
        Totals {
            refused: sum.refused.into(),
            spared: sum.spared.into(),
            banned: sum.banned.into(),
            bans: sum.bans,
            sources: self.totals.sources,
            rows: self.count,
            bytes_estimated: sum.estimated,
            history_since: self.oldest.map(timestamp),
            complete: !self.is_cut(),
        }
    }

    /// Those that have packets.
    fn bars(&self) -> impl Iterator<Item = Bar<'_>> {
        self.bins.packets.iter().map(|(begin, bar)| {
            let of = |fate: Fate| {
                let same = bar.iter().filter(move |((other, _), _)| *other == fate);
                same.map(|((_, reason), packets)| (self.texts.text(*reason), *packets))
                    .collect::<BTreeMap<_, _>>()
            };
            Bar {
                begin: timestamp(begin.saturating_mul(1000)),
                refused: of(Fate::Refused),
                banned: of(Fate::Banned).values().sum(),
                spared: of(Fate::Spared),
            }
        })
    }
}

/// Prints the report; what is not asked for with `--by` is a row a source, scope, plan, limit and reason.
///
/// # Errors
/// The writer's.
pub fn json(out: &mut impl Write, found: &Found) -> Result<()> {
    write!(out, "{{\"schema_version\":{SCHEMA_VERSION}")?;
    if found.ask.by.is_empty() {
        list(
            out,
            "violations",
            found.rows.items().iter().map(|row| found.violation(row)),
        )?;
    } else {
        let groups = found.groups.items().iter();
        list(out, "violations", groups.map(|group| found.grouped(group)))?;
    }
    let by: Vec<&str> = found.ask.by.iter().map(|by| by.as_str()).collect();
    member(out, "by", &by)?;
    member(out, "since", &timestamp(found.ask.period.since))?;
    member(out, "until", &timestamp(found.ask.period.until))?;
    member(out, "totals", &found.totals())?;
    let groups = |groups: &'_ [Group]| {
        groups
            .iter()
            .map(|group| found.grouped(group))
            .collect::<Vec<_>>()
    };
    list(out, "plans", groups(found.plans.items()))?;
    list(out, "reasons", groups(found.reasons.items()))?;
    list(out, "near", &found.near)?;
    list(
        out,
        "next_plan",
        found.next.items().iter().map(|next| found.next_plan(next)),
    )?;
    list(out, "spared", groups(found.spared.items()))?;
    let width = found.bins.width;
    write!(out, ",\n\"over_time\":{{\"width_s\":{width}")?;
    list(out, "bars", found.bars())?;
    out.write_all(b"}")?;
    // Without the maps `near` and `next_plan` are not empty but unknown.
    member(out, "live", &found.live)?;
    out.write_all(b"}\n")?;
    Ok(())
}

fn member(out: &mut impl Write, name: &str, value: &impl Serialize) -> Result<()> {
    write!(out, ",\n\"{name}\":")?;
    serde_json::to_writer(&mut *out, value)?;
    Ok(())
}

/// Items of a list, one a line.
fn list<T: Serialize>(
    out: &mut impl Write,
    name: &str,
    items: impl IntoIterator<Item = T>,
) -> Result<()> {
    write!(out, ",\n\"{name}\":[")?;
    for (index, item) in items.into_iter().enumerate() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut *out, &item)?;
    }
    out.write_all(b"]")?;
    Ok(())
}
