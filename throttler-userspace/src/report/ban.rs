//! The ban that holds for a source, as `explain` tells of it.

use anyhow::Result;
use serde::Serialize;
use throttler_common::abi::{PARENT_MASK, PARENT_PREFIX, SlotRecord};
use throttler_common::ban::{Ban, MOMENT_SHIFT, Strikes, moment};
use throttler_common::class::Kind;

use super::bans;
use super::reader::Reader;
use super::reason::Held;
use super::subject::Subject;

/// Who is banned, why, and until when.
#[derive(Debug, Serialize)]
pub(super) struct Banned {
    reason: String,
    /// An operator's is known to the daemon's file alone, which `dump bans` reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// `None`: until it is taken back.
    until: Option<String>,
    times: u64,
    given_by: &'static str,
    /// What is banned: the source, or a prefix that holds it.
    prefix: String,
}

/// The datapath's ban of a source in a scope, or of the prefix around it, and the record that it stands in.
pub(super) fn held(
    reader: &Reader<'_>,
    subject: &Subject<'_>,
    scope: u8,
    own: &SlotRecord,
) -> Option<(Held, SlotRecord)> {
    if !matches!(subject.word.kind(), Kind::Plan | Kind::Mixed) {
        // Whom rules let pass or keep out is not asked for bans.
        return None;
    }
    let around = around(reader, subject, scope);
    let prefix = around.as_ref().map(|record| Ban(record.ban));
    let held = Held::of(Ban(own.ban), prefix, reader.now())?;
    let record = around.filter(|_| held.prefix);
    Some((held, record.unwrap_or(*own)))
}

/// The record of an address's parent prefix; `None` where the datapath would not ask for it.
fn around(reader: &Reader<'_>, subject: &Subject<'_>, scope: u8) -> Option<SlotRecord> {
    let sources = &reader.attachment.tables.sources;
    let asked = reader.head().abuse.wider_sources != 0
        && Ban(sources.newcomers(subject.family).ban).is_on(moment(reader.now()));
    let prefix = subject.bytes.masked(PARENT_MASK[subject.family]);
    asked.then(|| sources.parent(subject.family, &prefix, scope))?
}

impl Banned {
    /// The datapath's.
    pub(super) fn by_datapath(
        reader: &Reader<'_>,
        subject: &Subject<'_>,
        held: &Held,
        record: &SlotRecord,
    ) -> Self {
        let [source, prefix] = bans::causes(reader.attachment);
        let since = Strikes(record.strikes).since() << MOMENT_SHIFT;
        let family = subject.family;
        Self {
            reason: if held.prefix { prefix } else { source },
            since: Some(format!("{:.3}", reader.clock.wall(since))),
            until: Some(held.until(reader.clock)),
            times: held.ban.times(),
            given_by: "datapath",
            prefix: match held.prefix {
                true => subject.within(record.addr, u32::from(PARENT_PREFIX[family])),
                false => subject.within(subject.source, reader.head().source_prefix[family]),
            },
        }
    }

    /// An operator's, or an application's; `None` where there is none.
    ///
    /// # Errors
    /// The kernel's.
    pub(super) fn by_operator(reader: &Reader<'_>, subject: &Subject<'_>) -> Result<Option<Self>> {
        let rule = subject.rule.filter(|rule| rule.by_operator);
        let Some(rule) = rule.filter(|_| subject.word.kind() == Kind::Block) else {
            return Ok(None);
        };
        Ok(Some(Self {
            reason: rule.reason.clone().unwrap_or_else(|| "-".to_owned()),
            since: None,
            until: subject
                .ends()
                .map(|end| format!("{:.3}", reader.clock.wall(end))),
            times: 1,
            given_by: "operator",
            prefix: subject.named(reader)?,
        }))
    }
}
