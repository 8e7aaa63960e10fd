//! What operators and applications said of sources, as the trie has it.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result};
use ipnet::IpNet;
use serde::Serialize;
use throttler_common::abi::{CLASS_KEY_LEAD, ClassChain, ClassKey, ClassStep, UNTIL_SHIFT};
use throttler_common::class::{self, ended};

use super::attached::Attachment;
use super::output::{Format, Table, json};
use super::reader::ip;
use crate::overrides::{self, Book, Kind};

/// One that is in force.
#[derive(Debug, Serialize)]
pub(super) struct InForce {
    pub(super) iface: String,
    #[serde(skip)]
    pub(super) net: IpNet,
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) given_by: &'static str,
    pub(super) since: Option<String>,
    pub(super) until: Option<String>,
}

/// Prints the exemptions or bindings that are in force.
///
/// # Errors
/// The kernel's, or the writer's.
pub fn overrides(
    out: &mut impl Write,
    attached: &[Attachment],
    state_dir: &Path,
    kind: Kind,
    format: Format,
) -> Result<()> {
    let mut all = Vec::new();
    for attachment in attached {
        all.extend(in_force(attachment, state_dir, kind)?);
    }
    if format != Format::Table {
        let key = match kind {
            Kind::Ban => "bans",
            Kind::Exempt => "exemptions",
            Kind::Bind => "bindings",
        };
        return json(out, format, key, &all);
    }
    let mut head = vec!["iface", "source", "since", "until", "reason"];
    if kind == Kind::Bind {
        head.insert(2, "plan");
    }
    let mut table = Table::new(&head);
    let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    for one in all {
        let mut row = vec![
            one.iface,
            one.source,
            shown(one.since),
            shown(one.until),
            shown(one.reason),
        ];
        if kind == Kind::Bind {
            row.insert(2, shown(one.plan));
        }
        table.row(row);
    }
    table.print(out)?;
    Ok(())
}

/// Those of a kind that have not ended, by prefix. Since when, only the daemon's file knows.
pub(super) fn in_force(
    attachment: &Attachment,
    state_dir: &Path,
    kind: Kind,
) -> Result<Vec<InForce>> {
    let rules = &attachment.description.rules;
    let bank = attachment.description.generation % 2;
    let now = attachment.clock.monotonic_ns;
    let wanted = |step: &ClassStep| {
        let of_kind = match kind {
            Kind::Ban => class::Kind::Block,
            Kind::Exempt => class::Kind::Exempt,
            Kind::Bind => class::Kind::Plan,
        };
        let rule = rules.get(step.rule as usize);
        step.kind == of_kind as u8
            && rule.is_some_and(|rule| rule.by_operator)
            && !ended(step.until, now)
    };
    let mut found: Vec<(IpNet, ClassStep)> = Vec::new();
    let visit = |key: &ClassKey, chain: &ClassChain| {
        if u32::from(key.bank) != bank {
            return;
        }
        let family = usize::from(key.family != 4);
        // A shorter prefix than bank and family take is nobody's.
        let Some(length) = key.prefix_len.checked_sub(CLASS_KEY_LEAD) else {
            return;
        };
        let length = u8::try_from(length).unwrap_or(u8::MAX);
        // Where a rule that ends sooner comes between, a ban is in the chain twice: the later end is its own.
        let steps = chain.steps.iter().filter(|step| wanted(step));
        let lasts = |step: &&ClassStep| step.until.wrapping_sub(1);
        if let Some(step) = steps.max_by_key(lasts)
            && let Ok(net) = IpNet::new(ip(family, key.addr), length)
        {
            found.push((net, *step));
        }
    };
    let classes = &attachment.tables.classes;
    classes
        .for_each(visit)
        .context("reading the source classes")?;
    found.sort_unstable_by_key(|(net, _)| *net);
    // The file is only asked for what the maps do not have; without it the list is as long.
    let book = overrides::read(&overrides::path(state_dir, attachment.iface())).unwrap_or_default();
    Ok(own(found)
        .into_iter()
        .map(|(net, step)| entry(attachment, &book, kind, net, step))
        .collect())
}

/// Without those that only repeat what is said of a prefix around them. In order of prefixes.
fn own(found: Vec<(IpNet, ClassStep)>) -> Vec<(IpNet, ClassStep)> {
    let mut open: Vec<(IpNet, ClassStep)> = Vec::new();
    let mut own = Vec::new();
    for (net, step) in found {
        while open.last().is_some_and(|(outer, _)| !outer.contains(&net)) {
            open.pop();
        }
        if open.last().is_none_or(|(_, outer)| *outer != step) {
            own.push((net, step));
        }
        open.push((net, step));
    }
    own
}

fn entry(attachment: &Attachment, book: &Book, kind: Kind, net: IpNet, step: ClassStep) -> InForce {
    let rule = &attachment.description.rules[step.rule as usize];
    let end = |until: u32| attachment.clock.wall(u64::from(until) << UNTIL_SHIFT);
    let written = book.get(kind, net);
    let until = (step.until != 0).then(|| {
        // The trie's end is rounded to a quarter of a second.
        let exact = written.as_ref().and_then(|entry| entry.until);
        exact.unwrap_or_else(|| end(step.until)).to_string()
    });
    InForce {
        iface: attachment.iface().to_owned(),
        net,
        source: net.to_string(),
        plan: rule.plan.clone(),
        reason: rule.reason.clone(),
        given_by: "operator",
        since: written.map(|entry| entry.since.to_string()),
        until,
    }
}
