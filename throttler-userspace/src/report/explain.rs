//! `explain`: what becomes of an address, and why.

use std::io::Write;
use std::net::IpAddr;

use anyhow::{Context as _, Result};
use serde::Serialize;
use throttler_common::abi::{
    Addr, CLASS_KEY_LEAD, ClassKey, MAX_CELLS, MAX_DESTINATIONS, active,
};
use throttler_common::class::{Kind, Word, ended};

use super::attached::Attachment;
use super::bucket::{Bucket, Reader};
use super::output::{Format, json};
use crate::compile::ScopeKind;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// The source address.
    pub addr: IpAddr,
    /// Destination port.
    pub port: Option<u16>,
    /// IP protocol number; TCP where only a port is given.
    pub protocol: Option<u8>,
    /// Destination address.
    pub to: Option<IpAddr>,
}

#[derive(Debug, Serialize)]
struct Answer {
    #[serde(flatten)]
    bucket: Bucket,
    verdict: &'static str,
    reason: &'static str,
    until: Option<String>,
    rule: Option<String>,
    rule_reason: Option<String>,
    sentence: String,
}

/// Prints what becomes of the next packet of an address: in the scope that the question's protocol,
/// port and destination name, or else in every scope.
///
/// # Errors
/// The kernel's, or the writer's.
pub fn explain(
    out: &mut impl Write,
    attached: &[Attachment],
    question: &Question,
    format: Format,
) -> Result<()> {
    let mut answers = Vec::new();
    for attachment in attached {
        let reader = Reader::new(attachment)?;
        for scope in scopes(&reader, question)? {
            answers.push(answer(&reader, question, scope)?);
        }
    }
    if format != Format::Table {
        return json(out, format, "buckets", &answers);
    }
    for answer in &answers {
        writeln!(out, "{}", answer.sentence)?;
        for limit in &answer.bucket.limits {
            writeln!(
                out,
                "  {}: {} {}, {} of {} left, full in {:.1} s, next in {:.1} s",
                limit.limit,
                limit.rate,
                limit.unit,
                limit.remaining,
                limit.burst,
                limit.reset_s,
                limit.retry_after_s
            )?;
        }
    }
    Ok(())
}

/// The scope that the question names and its layer, or all scopes where it names none.
fn scopes(reader: &Reader<'_>, question: &Question) -> Result<Vec<u8>> {
    let description = &reader.attachment.description;
    if question.port.is_none() && question.protocol.is_none() {
        let live = description
            .scopes
            .iter()
            .filter(|s| s.kind != ScopeKind::Retired);
        return Ok(live.map(|scope| scope.id).collect());
    }
    let scope = classify(reader, question)?;
    let layer = description
        .scope(scope)
        .and_then(|scope| scope.layer.clone());
    let layer = description
        .scopes
        .iter()
        .find(|s| Some(&s.name) == layer.as_ref());
    Ok(std::iter::once(scope)
        .chain(layer.map(|layer| layer.id))
        .collect())
}

/// The kernel's own tables, read as the datapath reads them.
fn classify(reader: &Reader<'_>, question: &Question) -> Result<u8> {
    let tables = &reader.attachment.tables;
    let head = &reader.head;
    let bank = head.generation % 2;
    let protocol = question.protocol.unwrap_or(6);
    let mut cell = u32::from(head.protocol_class[usize::from(protocol)]) * head.protocol_stride;
    if let (Some(port), 6 | 17) = (question.port, protocol) {
        let classes = tables
            .port_classes
            .get(&bank)?
            .context("the port table is missing")?;
        cell += u32::from(classes.class[usize::from(port)]);
    }
    if let Some(to) = question.to {
        let (family, addr) = bytes(to);
        let run = (bank * 2 + family as u32) * MAX_DESTINATIONS as u32;
        for index in 0..head.destinations[family] {
            let entry = tables
                .destinations
                .get(&(run + index))?
                .context("a destination is missing")?;
            if addr.masked(entry.mask) == entry.network {
                cell += entry.class * head.destination_stride;
                break;
            }
        }
    }
    let cells = tables
        .cells
        .get(&bank)?
        .context("the cell table is missing")?;
    Ok(cells.scope[cell as usize % MAX_CELLS])
}

fn bytes(addr: IpAddr) -> (usize, Addr) {
    match addr {
        IpAddr::V4(v4) => (0, Addr::from_v4(v4.octets())),
        IpAddr::V6(v6) => (1, Addr::from_bytes(v6.octets())),
    }
}

fn answer(reader: &Reader<'_>, question: &Question, scope: u8) -> Result<Answer> {
    let attachment = reader.attachment;
    let (family, addr) = bytes(question.addr);
    let source = addr.masked(reader.head.source_mask[family]);
    let record = attachment.tables.sources.get(family, &source, scope);
    let word = reader.resolve(family, addr, true)?;
    let bucket = reader.bucket(family, (source, scope), record.as_ref(), word)?;
    let rule = rule(reader, family, addr)?
        .and_then(|index| attachment.description.rules.get(index as usize));
    let now = attachment.clock.monotonic_ns;
    let paused = attachment
        .tables
        .active
        .get(&active::PAUSED_UNTIL)?
        .unwrap_or(0)
        > now;
    let layer = attachment
        .description
        .scope(scope)
        .is_some_and(|s| s.kind == ScopeKind::Layer);
    let monitor = attachment
        .description
        .scope(scope)
        .is_some_and(|s| s.mode == "monitor");
    let (reason, detail) = reason(word, &bucket, paused, attachment.mode.is_some());
    let spared = monitor && matches!(reason, "blocked" | "over_limit");
    let passes = spared || !matches!(reason, "blocked" | "over_limit");
    let mut sentence = format!(
        "{} ({}) on {}, {} {}: {} - {detail}",
        question.addr,
        bucket.source,
        bucket.iface,
        if layer { "layer" } else { "scope" },
        bucket.scope,
        if passes { "passes" } else { "dropped" },
    );
    if spared {
        sentence.push_str("; monitor mode lets it pass");
    }
    if let Some(rule) = rule {
        sentence.push_str(&format!("; by {}", rule.origin));
        if let Some(why) = &rule.reason {
            sentence.push_str(&format!(" ({why})"));
        }
        if let Some(until) = &rule.until {
            sentence.push_str(&format!(", until {until}"));
        }
    }
    Ok(Answer {
        verdict: if passes { "pass" } else { "drop" },
        reason: if spared { "monitored" } else { reason },
        until: rule.and_then(|rule| rule.until.clone()),
        rule: rule.map(|rule| rule.origin.clone()),
        rule_reason: rule.and_then(|rule| rule.reason.clone()),
        sentence,
        bucket,
    })
}

fn reason(word: Word, bucket: &Bucket, paused: bool, attached: bool) -> (&'static str, String) {
    if !attached {
        return (
            "paused",
            "the program is not attached to the interface".to_owned(),
        );
    }
    if paused {
        return ("paused", "`throttler pause` is in force".to_owned());
    }
    match word.kind() {
        Kind::Exempt => return ("exempt", "the source is exempt".to_owned()),
        Kind::Block => return ("blocked", "the source is blocked".to_owned()),
        Kind::Plan | Kind::Mixed => {}
    }
    let plan = match &bucket.plan {
        Some(plan) => format!("plan {plan}"),
        None => "no plan".to_owned(),
    };
    if bucket.limits.is_empty() {
        return ("unlimited", format!("{plan}, no limit holds here"));
    }
    match bucket.limits.iter().find(|limit| limit.retry_after_s > 0.0) {
        Some(limit) => (
            "over_limit",
            format!(
                "{plan}, limit {} ({} {}) is used up, {:.1} s until the next",
                limit.limit, limit.rate, limit.unit, limit.retry_after_s
            ),
        ),
        None => ("conforming", format!("{plan}, all limits hold")),
    }
}

/// The rule that gives an address its class now.
fn rule(reader: &Reader<'_>, family: usize, addr: Addr) -> Result<Option<u32>> {
    let key = ClassKey {
        prefix_len: CLASS_KEY_LEAD + [32, 128][family],
        bank: (reader.head.generation % 2) as u8,
        family: [4, 6][family],
        reserved: [0; 2],
        addr,
    };
    let Some(chain) = reader.attachment.tables.classes.get(&key)? else {
        return Ok(None);
    };
    let now = reader.attachment.clock.monotonic_ns;
    let step = chain.steps.iter().find(|step| !ended(step.until, now));
    let nothing =
        |step: &&throttler_common::abi::ClassStep| step.kind == Kind::Plan as u8 && step.plan == 0;
    Ok(step.filter(|step| !nothing(step)).map(|step| step.rule))
}
