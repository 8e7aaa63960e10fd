//! `dump sources`: the prefixes that have a class.

use std::io::Write;

use anyhow::{Context as _, Result};
use ipnet::IpNet;
use serde::Serialize;
use throttler_common::abi::{CLASS_KEY_LEAD, ClassChain, ClassKey, UNTIL_SHIFT, chain_flag};
use throttler_common::class::ended;

use super::attached::Attachment;
use super::output::{Format, Table, json};
use super::reader::ip;

#[derive(Debug, Serialize)]
struct SourceEntry {
    iface: String,
    prefix: String,
    class: String,
    plan: Option<String>,
    until: Option<String>,
    ended: bool,
    reason: Option<String>,
    origin: String,
}

/// Prints the rules of the generation in force, a line a prefix, by address.
///
/// # Errors
/// The kernel's, or the writer's.
pub fn sources(
    out: &mut impl Write,
    attached: &[Attachment],
    within: Option<IpNet>,
    top: Option<usize>,
    format: Format,
) -> Result<()> {
    let mut all = Vec::new();
    for attachment in attached {
        all.extend(of(attachment, within)?);
    }
    all.truncate(top.unwrap_or(usize::MAX));
    if format != Format::Table {
        return json(out, format, "sources", &all);
    }
    let mut table = Table::new(&["iface", "prefix", "class", "until", "reason", "origin"]);
    for entry in all {
        let until = match (entry.until, entry.ended) {
            (Some(until), true) => format!("{until} (over)"),
            (Some(until), false) => until,
            (None, _) => "-".to_owned(),
        };
        table.row(vec![
            entry.iface,
            entry.prefix,
            entry.plan.unwrap_or(entry.class),
            until,
            entry.reason.unwrap_or_else(|| "-".to_owned()),
            entry.origin,
        ]);
    }
    table.print(out)?;
    Ok(())
}

fn of(attachment: &Attachment, within: Option<IpNet>) -> Result<Vec<SourceEntry>> {
    let bank = attachment.description.generation % 2;
    let mut found: Vec<(IpNet, ClassChain)> = Vec::new();
    let visit = |key: &ClassKey, chain: &ClassChain| {
        if u32::from(key.bank) != bank || chain.flags & chain_flag::INHERITED != 0 {
            return;
        }
        let family = usize::from(key.family != 4);
        // A shorter prefix than bank and family take is nobody's.
        let Some(length) = key.prefix_len.checked_sub(CLASS_KEY_LEAD) else {
            return;
        };
        let length = u8::try_from(length).unwrap_or(u8::MAX);
        if let Ok(net) = IpNet::new(ip(family, key.addr), length)
            && within.is_none_or(|within| within.contains(&net) || net.contains(&within))
        {
            found.push((net, *chain));
        }
    };
    attachment
        .tables
        .classes
        .for_each(visit)
        .context("reading the source classes")?;
    found.sort_unstable_by_key(|(net, _)| *net);
    let now = attachment.clock.monotonic_ns;
    let rules = &attachment.description.rules;
    let mut entries = Vec::new();
    for (net, chain) in found {
        let step = chain.steps[0];
        let Some(rule) = rules.get(step.rule as usize) else {
            continue;
        };
        entries.push(SourceEntry {
            iface: attachment.iface().to_owned(),
            prefix: net.to_string(),
            class: rule.class.clone(),
            plan: rule.plan.clone(),
            until: rule.until.clone().or_else(|| {
                // An operator's: the rule is of several ends, which are in the trie.
                let end = u64::from(step.until) << UNTIL_SHIFT;
                (step.until != 0).then(|| attachment.clock.wall(end).to_string())
            }),
            ended: ended(step.until, now),
            reason: rule.reason.clone(),
            origin: rule.origin.clone(),
        });
    }
    Ok(entries)
}
