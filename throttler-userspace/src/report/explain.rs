//! `explain`: what becomes of an address, and why.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use throttler_common::abi::{Addr, PARENT_MASK, SlotRecord, active};
use throttler_common::ban::{Ban, moment};
use throttler_common::class::Kind;

use super::attached::Attachment;
use super::bucket::Bucket;
use super::bucket_json;
use super::global::{self, GlobalLevel};
use super::names::limit_json;
use super::output::{Format, document, harmless, seconds};
use super::question::{Question, rule, scopes};
use super::reader::{Reader, bytes};
use super::reason::{Case, Held, reason};
use crate::compile::{LimitDescription, ScopeKind};

/// What is said of a source in a scope beyond its bucket.
#[derive(Debug, Serialize)]
struct Verdict {
    verdict: &'static str,
    reason: &'static str,
    until: Option<String>,
    rule: Option<String>,
    rule_reason: Option<String>,
    sentence: String,
}

struct Answer<'a> {
    bucket: Bucket<'a>,
    banned: Option<Held>,
    global: Vec<GlobalLevel<'a>>,
    verdict: Verdict,
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
    let readers: Vec<_> = attached.iter().map(Reader::new).collect();
    let mut answers = Vec::new();
    for reader in &readers {
        for scope in scopes(reader, question)? {
            answers.push(answer(reader, question, scope)?);
        }
    }
    if format != Format::Table {
        return document(out, format, "buckets", answers.iter().map(Answer::json));
    }
    for answer in &answers {
        writeln!(out, "{}", harmless(answer.verdict.sentence.clone()))?;
        answer.limits(out)?;
    }
    Ok(())
}

impl Answer<'_> {
    /// The entry of `dump buckets`, the scope's `global` limits beside the source's own, and the verdict.
    fn json(&self) -> Result<Vec<u8>> {
        let mut entry = vec![b'{'];
        let left = self.banned.map_or(0, |held| held.left(self.bucket.now));
        bucket_json::fields(&mut entry, &self.bucket, left, |out, mut first| {
            for one in &self.global {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                let head = limit_json(&global_name(one.limit), one.limit, one.burst);
                bucket_json::limit(out, &head, one.level);
            }
        });
        entry.push(b',');
        let verdict = serde_json::to_vec(&self.verdict)?;
        entry.extend_from_slice(verdict.get(1..).unwrap_or_default());
        Ok(entry)
    }

    fn limits(&self, out: &mut impl Write) -> Result<()> {
        let own = self.bucket.limits.iter().map(|limit| {
            let described = limit.described;
            (
                described.name.clone(),
                described,
                described.burst,
                self.bucket.level(limit),
            )
        });
        let global = self.global.iter();
        let global = global.map(|one| (global_name(one.limit), one.limit, one.burst, one.level));
        for (name, limit, burst, level) in own.chain(global) {
            writeln!(
                out,
                "  {name}: {} {}, {} of {burst} left, full in {:.1} s, next in {:.1} s",
                limit.rate,
                limit.unit,
                level.remaining,
                seconds(level.reset),
                seconds(level.retry),
            )?;
        }
        Ok(())
    }
}

fn global_name(limit: &LimitDescription) -> String {
    format!("global.{}", limit.name)
}

fn answer<'a>(reader: &'a Reader<'a>, question: &Question, scope: u8) -> Result<Answer<'a>> {
    let attachment = reader.attachment;
    let tables = &attachment.tables;
    let (family, addr) = bytes(question.addr);
    let source = addr.masked(reader.head().source_mask[family]);
    let record = tables.sources.get(family, &source, scope);
    let (word, now) = (reader.resolve(family, addr, true)?, reader.now());
    let described = attachment.description.scope(scope);
    let own = Ban(record.map_or(0, |record| record.ban));
    let banned = match word.kind() {
        Kind::Plan | Kind::Mixed => Held::of(own, prefix_ban(reader, family, addr, scope), now),
        // Whom rules let pass or keep out is not asked for bans.
        Kind::Exempt | Kind::Block => None,
    };
    let (global, refused) = match (described, word.kind()) {
        (Some(described), Kind::Plan | Kind::Mixed) => {
            let plan = reader.names.plan(word.plan());
            let protected = plan.is_some_and(|plan| described.protected.contains(&plan.text));
            global::levels(attachment, described, protected)
        }
        _ => (Vec::new(), None),
    };
    let seen = record.is_some();
    let record = record.unwrap_or(SlotRecord {
        addr: source,
        scope,
        ..SlotRecord::default()
    });
    let bucket = reader.bucket(family, false, record, word, seen);
    let paused_until = tables.active.get(&active::PAUSED_UNTIL)?;
    let case = Case {
        bucket: &bucket,
        banned,
        global: &global,
        refused,
        paused: paused_until.unwrap_or(0) > now,
        attached: attachment.mode.is_some(),
    };
    let (reason, detail) = reason(&case, attachment.clock);
    let rule = rule(reader, family, addr)?;
    let rule = rule.and_then(|index| attachment.description.rules.get(index as usize));
    let refuses = matches!(reason, "blocked" | "banned" | "over_limit" | "global_limit");
    let spared = refuses && described.is_some_and(|scope| scope.mode == "monitor");
    let passes = spared || !refuses;
    let layer = described.is_some_and(|scope| scope.kind == ScopeKind::Layer);
    let mut sentence = format!(
        "{} ({}) on {}, {} {}: {} - {detail}",
        question.addr,
        text(|out| bucket.source(out)),
        attachment.iface(),
        if layer { "layer" } else { "scope" },
        reader.names.scope(scope).text,
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
    let ends = banned.filter(|_| reason == "banned");
    let verdict = Verdict {
        verdict: if passes { "pass" } else { "drop" },
        reason: if spared { "monitored" } else { reason },
        until: ends
            .map(|held| held.until(attachment.clock))
            .or_else(|| rule.and_then(|rule| rule.until.clone())),
        rule: rule.map(|rule| rule.origin.clone()),
        rule_reason: rule.and_then(|rule| rule.reason.clone()),
        sentence,
    };
    Ok(Answer {
        banned,
        global,
        verdict,
        bucket,
    })
}

/// The ban of an address's parent prefix; `None` where the datapath would not ask for one.
fn prefix_ban(reader: &Reader<'_>, family: usize, addr: Addr, scope: u8) -> Option<Ban> {
    let sources = &reader.attachment.tables.sources;
    let asked = reader.head().abuse.wider_sources != 0
        && Ban(sources.newcomers(family).ban).is_on(moment(reader.now()));
    let prefix = addr.masked(PARENT_MASK[family]);
    let record = sources.parent(family, &prefix, scope);
    record.filter(|_| asked).map(|record| Ban(record.ban))
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}
