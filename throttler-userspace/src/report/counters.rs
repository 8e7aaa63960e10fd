//! `dump counters`.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context as _, Result};
use serde::Serialize;
use throttler_common::abi::{ScopeCounters, Stats, Tally, active};
use throttler_common::{Reason, Verdict};

use super::attached::Attachment;
use super::entries::{Entries, entries};
use super::output::{Format, Table, json, seconds};
use crate::compile::ScopeKind;
use crate::kernel::canary;
use crate::kernel::tables::Tables;

#[derive(Clone, Copy, Debug, Default, Serialize)]
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

#[derive(Debug, Default, Serialize)]
pub(super) struct Totals {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) passed: u64,
    pub(super) dropped: u64,
}

impl Totals {
    fn add_all(&mut self, reasons: &BTreeMap<Reason, Tally>) {
        for (reason, tally) in reasons {
            self.add(*reason, tally);
        }
    }

    fn add(&mut self, reason: Reason, tally: &Tally) {
        self.packets = self.packets.saturating_add(tally.packets);
        self.bytes = self.bytes.saturating_add(tally.bytes);
        let side = match reason.verdict() {
            Verdict::Pass => &mut self.passed,
            Verdict::Drop => &mut self.dropped,
        };
        *side = side.saturating_add(tally.packets);
    }
}

#[derive(Debug, Serialize)]
pub(super) struct ScopeReport {
    pub(super) scope: String,
    pub(super) reasons: BTreeMap<&'static str, Count>,
}

#[derive(Debug, Serialize)]
pub(super) struct SourceCount {
    pub(super) entries: u64,
    pub(super) max: u64,
    ipv4: u64,
    ipv6: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Events {
    sent: u64,
    pub(super) lost: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Bans {
    /// Sources and prefixes banned now.
    pub(super) active: u64,
    /// Bans of sources since attach.
    pub(super) given: u64,
}

/// Packets of sources that found no room in the table.
#[derive(Debug, Serialize)]
pub(super) struct Pressure {
    pub(super) passed: u64,
    pub(super) refused: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct InterfaceReport {
    pub(super) iface: String,
    pub(super) xdp_mode: &'static str,
    pub(super) mode: String,
    pub(super) paused: bool,
    pub(super) paused_for_s: Option<f64>,
    pub(super) generation: u32,
    pub(super) totals: Totals,
    pub(super) scopes: Vec<ScopeReport>,
    pub(super) sources: SourceCount,
    pub(super) events: Events,
    pub(super) bans: Bans,
    pub(super) pressure: Pressure,
    contended: u64,
}

/// Prints the counters of the interfaces.
///
/// # Errors
/// The kernel's, or the writer's.
pub fn counters(out: &mut impl Write, attached: &[Attachment], format: Format) -> Result<()> {
    let reports = attached.iter().map(report).collect::<Result<Vec<_>>>()?;
    if format != Format::Table {
        return json(out, format, "interfaces", &reports);
    }
    for report in &reports {
        let totals = &report.totals;
        writeln!(
            out,
            "{} ({}, {}, generation {}): {} packets, {} passed, {} dropped; {} of {} sources; {} events, {} lost; \
             {} banned",
            report.iface,
            report.xdp_mode,
            if report.paused {
                "paused"
            } else {
                &report.mode
            },
            report.generation,
            totals.packets,
            totals.passed,
            totals.dropped,
            report.sources.entries,
            report.sources.max,
            report.events.sent,
            report.events.lost,
            report.bans.active,
        )?;
        let mut table = Table::new(&["scope", "reason", "packets", "bytes"]);
        for scope in &report.scopes {
            for (reason, count) in &scope.reasons {
                table.row(vec![
                    scope.scope.clone(),
                    (*reason).to_owned(),
                    count.packets.to_string(),
                    count.bytes.to_string(),
                ]);
            }
        }
        if !table.is_empty() {
            table.print(out)?;
        }
    }
    Ok(())
}

/// Packets of newcomers that were refused for want of room, in both families.
pub(super) fn refused(tables: &Tables) -> u64 {
    sum([0, 1].map(|family| tables.sources.newcomers(family).dropped.packets))
}

pub(super) fn report(attachment: &Attachment) -> Result<InterfaceReport> {
    report_with(attachment, entries(attachment))
}

/// The same by somebody who has counted the sources already.
///
/// # Errors
/// The kernel's.
pub(super) fn report_with(attachment: &Attachment, entries: Entries) -> Result<InterfaceReport> {
    let tables = &attachment.tables;
    let mut totals = Totals::default();
    let mut scopes = Vec::new();
    for scope in &attachment.description.scopes {
        let reasons = users(tables, scope.id)?;
        totals.add_all(&reasons);
        if scope.kind == ScopeKind::Scope || !reasons.is_empty() {
            scopes.push(ScopeReport {
                scope: scope.name.clone(),
                reasons: reasons
                    .into_iter()
                    .map(|(reason, tally)| (reason.as_str(), Count::from(tally)))
                    .collect(),
            });
        }
    }
    let stats = stats(tables)?;
    let newcomers = [0, 1].map(|family| tables.sources.newcomers(family));
    let paused_until = tables.active.get(&active::PAUSED_UNTIL)?.unwrap_or(0);
    let now = attachment.clock.monotonic_ns;
    Ok(InterfaceReport {
        iface: attachment.iface().to_owned(),
        xdp_mode: attachment.xdp_mode(),
        mode: attachment.description.mode.clone(),
        paused: paused_until > now,
        paused_for_s: (paused_until > now && paused_until != u64::MAX)
            .then(|| seconds(paused_until - now)),
        generation: attachment.description.generation,
        totals,
        scopes,
        sources: SourceCount {
            entries: entries.families[0] + entries.families[1],
            max: u64::from(tables.sources.capacity()),
            ipv4: entries.families[0],
            ipv6: entries.families[1],
        },
        bans: Bans {
            active: entries.banned,
            given: stats.bans,
        },
        pressure: Pressure {
            passed: sum(newcomers.map(|all| all.passed.packets)),
            refused: refused(tables),
        },
        events: Events {
            sent: stats.events_sent,
            lost: stats.events_lost,
        },
        contended: stats.contended,
    })
}

/// Packets of all scopes by reason.
///
/// # Errors
/// The kernel's.
pub(super) fn by_reason(attachment: &Attachment) -> Result<BTreeMap<Reason, Tally>> {
    let mut sums: BTreeMap<Reason, Tally> = BTreeMap::new();
    for scope in &attachment.description.scopes {
        for (reason, tally) in users(&attachment.tables, scope.id)? {
            let sum = sums.entry(reason).or_default();
            sum.packets = sum.packets.saturating_add(tally.packets);
            sum.bytes = sum.bytes.saturating_add(tally.bytes);
        }
    }
    Ok(sums)
}

/// The sums alone.
pub(super) fn totals(attachment: &Attachment) -> Result<Totals> {
    let mut totals = Totals::default();
    for scope in &attachment.description.scopes {
        totals.add_all(&users(&attachment.tables, scope.id)?);
    }
    Ok(totals)
}

/// A scope's counters, without the self-check's own packets.
fn users(tables: &Tables, scope: u8) -> Result<BTreeMap<Reason, Tally>> {
    match scope {
        canary::SCOPE => canary::without(tables, || counted(tables, canary::SCOPE)),
        scope => counted(tables, scope),
    }
}

fn counted(tables: &Tables, scope: u8) -> Result<BTreeMap<Reason, Tally>> {
    let per_cpu = tables
        .counters
        .get_per_cpu(&u32::from(scope))
        .context("reading the counters")?;
    Ok(summed(&per_cpu))
}

/// The reasons that have occurred.
fn summed(per_cpu: &[ScopeCounters]) -> BTreeMap<Reason, Tally> {
    let mut reasons = BTreeMap::new();
    for reason in Reason::ALL {
        let mut sum = Tally::default();
        for counters in per_cpu {
            let tally = counters.by_reason[reason as usize];
            sum.packets = sum.packets.saturating_add(tally.packets);
            sum.bytes = sum.bytes.saturating_add(tally.bytes);
        }
        if sum.packets > 0 {
            reasons.insert(reason, sum);
        }
    }
    reasons
}

/// Of the maps' counters no sum is trusted to fit.
fn sum(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

pub(super) fn stats(tables: &Tables) -> Result<Stats> {
    let per_cpu = tables
        .stats
        .get_per_cpu(&0)
        .context("reading the statistics")?;
    let mut sum = Stats::default();
    for stats in per_cpu {
        sum.events_sent = sum.events_sent.saturating_add(stats.events_sent);
        sum.events_lost = sum.events_lost.saturating_add(stats.events_lost);
        sum.contended = sum.contended.saturating_add(stats.contended);
        sum.bans = sum.bans.saturating_add(stats.bans);
    }
    Ok(sum)
}
