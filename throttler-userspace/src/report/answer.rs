//! What is said of a source in one scope: how its limits stand, what becomes of its next packet, and what an application is
//! to tell it.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;
use throttler_common::abi::{SlotRecord, active, row_flag};
use throttler_common::class::Kind;

use super::ban::{self, Banned};
use super::bucket::{Bucket, Level};
use super::bucket_json;
use super::global::{self, GlobalLevel};
use super::headers::{self, Quota};
use super::names::limit_json;
use super::output::seconds;
use super::reader::Reader;
use super::reason::{Case, reason};
use super::subject::Subject;
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
    ban: Option<Banned>,
}

/// A source in a scope.
pub(super) struct Answer<'a> {
    bucket: Bucket<'a>,
    /// Its bucket in the scope's layer, if that holds for it.
    layer: Option<Bucket<'a>>,
    global: Vec<GlobalLevel<'a>>,
    /// Nanoseconds that its ban still lasts.
    banned_for: u64,
    /// Nanoseconds until its next unit passes, where it would be refused now.
    wait: Option<u64>,
    verdict: Verdict,
}

impl<'a> Answer<'a> {
    /// Asks the maps.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn of(reader: &'a Reader<'a>, subject: &Subject<'a>, scope: u8) -> Result<Self> {
        let attachment = reader.attachment;
        let described = attachment.description.scope(scope);
        let word = subject.word;
        let (bucket, record) = bucket(reader, subject, scope);
        let held = ban::held(reader, subject, scope, &record);
        let row = reader.generation().index(word.plan(), scope);
        let row = row
            .and_then(|row| reader.generation().row_at(row))
            .filter(|_| matches!(word.kind(), Kind::Plan | Kind::Mixed));
        let holds = |flag| row.is_some_and(|row| row.flags & flag != 0);
        let (global, refused) = match described.filter(|_| holds(row_flag::GLOBAL)) {
            Some(described) => {
                let protected = holds(row_flag::PROTECTED);
                global::levels(attachment, described, protected, &|| reader.now())
            }
            None => (Vec::new(), None),
        };
        let layer = row.map(|row| row.layer).filter(|layer| *layer != 0);
        let layer = layer.map(|layer| self::bucket(reader, subject, layer).0);
        let paused_until = attachment.tables.active.get(&active::PAUSED_UNTIL)?;
        let case = Case {
            bucket: &bucket,
            banned: held.map(|(held, _)| held),
            global: &global,
            refused,
            paused: paused_until.unwrap_or(0) > reader.now(),
            attached: attachment.mode.is_some(),
        };
        let (reason, detail) = reason(&case, reader.clock);
        let refuses = matches!(reason, "blocked" | "banned" | "over_limit" | "global_limit");
        let enforces = case.attached && !case.paused;
        let banned_for = held.map_or(0, |(held, _)| held.left(reader.now()));
        let wait = match word.kind() {
            _ if !enforces => None,
            Kind::Exempt => None,
            Kind::Block => subject.ends().map(|end| end.saturating_sub(reader.now())),
            Kind::Plan | Kind::Mixed => {
                let own = levels(&bucket).chain(layer.iter().flat_map(levels));
                let own = own.map(|(_, level)| level.retry);
                let shared = global.iter().filter(|_| refused.is_some());
                let waits = own.chain(shared.map(|one| one.level.retry));
                waits.chain([banned_for]).max().filter(|wait| *wait > 0)
            }
        };
        let spared = refuses && described.is_some_and(|scope| scope.mode == "monitor");
        let passes = spared || !refuses;
        let is_layer = described.is_some_and(|scope| scope.kind == ScopeKind::Layer);
        let mut sentence = format!(
            "{} ({}) on {}, {} {}: {} - {detail}",
            subject.addr,
            text(|out| bucket.source(out)),
            attachment.iface(),
            if is_layer { "layer" } else { "scope" },
            reader.names.scope(scope).text,
            if passes { "passes" } else { "dropped" },
        );
        if spared {
            sentence.push_str("; monitor mode lets it pass");
        }
        let rule = subject.rule;
        if let Some(rule) = rule {
            sentence.push_str(&format!("; by {}", rule.origin));
            if let Some(why) = &rule.reason {
                sentence.push_str(&format!(" ({why})"));
            }
            if let Some(until) = &rule.until {
                sentence.push_str(&format!(", until {until}"));
            }
        }
        let until = held
            .filter(|_| reason == "banned")
            .map(|(held, _)| held.until(reader.clock));
        let ban = match &held {
            Some((held, record)) => Some(Banned::by_datapath(reader, subject, held, record)),
            None => Banned::by_operator(reader, subject)?,
        };
        let verdict = Verdict {
            verdict: if passes { "pass" } else { "drop" },
            reason: if spared { "monitored" } else { reason },
            until: until.or_else(|| rule.and_then(|rule| rule.until.clone())),
            rule: rule.map(|rule| rule.origin.clone()),
            rule_reason: rule.and_then(|rule| rule.reason.clone()),
            sentence,
            ban,
        };
        Ok(Self {
            layer,
            global,
            banned_for,
            wait,
            verdict,
            bucket,
        })
    }

    /// The same for people, in one sentence.
    pub(super) fn sentence(&self) -> &str {
        &self.verdict.sentence
    }

    /// The entry of `dump buckets`, the scope's `global` limits beside the source's own, the verdict, and the header fields.
    ///
    /// # Errors
    /// None that is known of.
    pub(super) fn json(&self, out: &mut Vec<u8>) -> Result<()> {
        out.push(b'{');
        bucket_json::fields(out, &self.bucket, self.banned_for, |out, mut first| {
            for one in &self.global {
                if !std::mem::take(&mut first) {
                    out.push(b',');
                }
                let name = global_name(one.limit);
                let head = limit_json(&name, one.limit, one.burst, one.window);
                bucket_json::limit(out, &head, one.level);
            }
        });
        out.push(b',');
        let begun = out.len();
        serde_json::to_writer(&mut *out, &self.verdict)?;
        // Without the braces around it.
        out.remove(begun);
        out.pop();
        out.extend_from_slice(b",\"headers\":");
        let limits = levels(&self.bucket).chain(self.layer.iter().flat_map(levels));
        let limits: Vec<_> = limits.collect();
        headers::write(out, &limits, self.wait);
        out.push(b'}');
        Ok(())
    }

    /// A line a limit.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn limits(&self, out: &mut impl Write) -> Result<()> {
        let own = self.bucket.limits.iter().map(|limit| {
            let described = &limit.described;
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

/// A source's bucket in a scope or layer, and its record as the table has it.
fn bucket<'a>(
    reader: &'a Reader<'a>,
    subject: &Subject<'_>,
    scope: u8,
) -> (Bucket<'a>, SlotRecord) {
    let sources = &reader.attachment.tables.sources;
    let found = sources.get(subject.family, &subject.source, scope);
    let record = found.unwrap_or(SlotRecord {
        addr: subject.source,
        scope,
        ..SlotRecord::default()
    });
    let seen = found.is_some();
    let bucket = reader.bucket(subject.family, false, record, subject.word, seen);
    (bucket, record)
}

/// The limits of a bucket as they stand.
fn levels<'a>(bucket: &'a Bucket<'a>) -> impl Iterator<Item = (&'a Quota, Level)> {
    let limits = bucket.limits.iter();
    limits.map(|limit| (&limit.quota, bucket.level(limit)))
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}
