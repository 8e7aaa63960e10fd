//! `dump bans`: who is banned now.

use std::cmp::Reverse;
use std::io::Write;
use std::path::Path;

use anyhow::Result;
use ipnet::IpNet;
use serde::Serialize;
use throttler_common::abi::{PARENT_PREFIX, SlotRecord, region};
use throttler_common::ban::{Ban, MOMENT_SHIFT, Strikes, moment};
use throttler_common::table::{Words as _, layout};

use super::attached::Attachment;
use super::output::{Format, Table, json};
use super::overrides;
use super::rank::BucketFilter;
use super::reader::ip;
use super::sweep::{Spot, sweep};
use crate::compile::period;
use crate::overrides::Kind;

#[derive(Debug, Serialize)]
struct BanEntry<'a> {
    iface: &'a str,
    source: String,
    scope: &'a str,
    reason: &'a str,
    given_by: &'static str,
    /// `None` where no file of a daemon says it.
    since: Option<String>,
    /// `None`: until it is taken back.
    until: Option<String>,
    times: u64,
}

/// The scope of bans that hold in all of them.
const EVERYWHERE: &str = "*";

/// Who is banned where, as the table has it.
pub(super) struct Banned {
    /// Index of the interface.
    of: usize,
    pub(super) net: IpNet,
    /// A parent prefix, banned for its sources.
    pub(super) prefix: bool,
    pub(super) record: SlotRecord,
    pub(super) spot: Spot,
}

/// Prints the bans that are on: an operator's, by prefix, then the datapath's, those given most often first, then those that
/// last longest. `state_dir` is the daemon's, which knows since when an operator's are.
///
/// # Errors
/// The writer's.
pub fn bans(
    out: &mut impl Write,
    attached: &[Attachment],
    state_dir: &Path,
    filter: &BucketFilter,
    format: Format,
) -> Result<()> {
    let mut found = Vec::new();
    let mut given = Vec::new();
    for (of, attachment) in attached.iter().enumerate() {
        found.extend(banned(attachment, of, filter.source));
        let operators = overrides::in_force(attachment, state_dir, Kind::Ban)?;
        given.extend(operators.into_iter().filter(|one| filter.wants(&one.net)));
    }
    given.truncate(filter.top.unwrap_or(usize::MAX));
    found.sort_unstable_by_key(|one: &Banned| {
        let ban = Ban(one.record.ban);
        (
            Reverse((ban.times(), ban.until())),
            one.net,
            one.record.scope,
            one.of,
        )
    });
    found.truncate(filter.top.unwrap_or(usize::MAX) - given.len().min(filter.top.unwrap_or(0)));
    let texts: Vec<_> = attached.iter().map(Texts::of).collect();
    let operators = given.iter().map(of_operator);
    let entries = operators.chain(found.iter().map(|one| one.entry(&texts[one.of])));
    if format != Format::Table {
        return json(out, format, "bans", entries);
    }
    let shown = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mut table = Table::new(&[
        "iface", "source", "scope", "given by", "times", "since", "until", "reason",
    ]);
    for entry in entries {
        table.row(vec![
            entry.iface.to_owned(),
            entry.source,
            entry.scope.to_owned(),
            entry.given_by.to_owned(),
            entry.times.to_string(),
            shown(entry.since),
            shown(entry.until),
            entry.reason.to_owned(),
        ]);
    }
    table.print(out)?;
    Ok(())
}

fn of_operator(given: &overrides::InForce) -> BanEntry<'_> {
    BanEntry {
        iface: &given.iface,
        source: given.net.to_string(),
        scope: EVERYWHERE,
        reason: given.reason.as_deref().unwrap_or("-"),
        given_by: given.given_by,
        since: given.since.clone(),
        until: given.until.clone(),
        times: 1,
    }
}

/// Whether a ban holds at a place of the table now; bans of prefixes hold only while the policy gives them.
pub(super) fn holds(attachment: &Attachment, region: usize, ban: Ban) -> bool {
    let abuse = &attachment.generation.head.abuse;
    (region < region::PARENTS || abuse.wider_sources != 0)
        && ban.is_on(moment(attachment.clock.monotonic_ns))
}

/// Those of one interface that lie in a prefix or hold it; all without one.
pub(super) fn banned(attachment: &Attachment, of: usize, within: Option<IpNet>) -> Vec<Banned> {
    let sources = &attachment.tables.sources;
    let found = sweep(sources, |found: &mut Vec<_>, spot, set, way| {
        let region = spot.region(&sources.head);
        if !holds(attachment, region, Ban(set.load(layout::ban(way)))) {
            return;
        }
        // Read again as a whole: what was seen may be of two moments.
        let record = spot.read(sources);
        let record = record.filter(|record| holds(attachment, region, Ban(record.ban)));
        found.extend(record.map(|record| (region, spot, record)));
    });
    let head = &attachment.generation.head;
    let all = found
        .into_iter()
        .flatten()
        .filter_map(|(region, spot, record)| {
            let family = region % 2;
            let prefix = region >= region::PARENTS;
            let bits = match prefix {
                true => PARENT_PREFIX[family],
                false => head.source_prefix[family] as u8,
            };
            Some(Banned {
                of,
                net: IpNet::new(ip(family, record.addr), bits).ok()?,
                prefix,
                record,
                spot,
            })
        });
    let filter = BucketFilter {
        source: within,
        top: None,
    };
    all.filter(|banned| filter.wants(&banned.net)).collect()
}

/// What entries of one interface have in common.
struct Texts<'a> {
    attachment: &'a Attachment,
    /// Why sources are banned.
    source: String,
    /// Why prefixes are.
    prefix: String,
    scopes: Vec<String>,
}

/// Why the datapath bans sources, and prefixes.
pub(super) fn causes(attachment: &Attachment) -> [String; 2] {
    let abuse = attachment.description.abuse.as_ref();
    let widen = abuse.and_then(|abuse| abuse.widen.as_ref());
    let within =
        |count: u32, what: &str, seconds: u64| format!("{count} {what} within {}", period(seconds));
    // Of a ban that outlives its rule, only this much is known.
    let unknown = || "repeated refusals".to_owned();
    [
        abuse.map_or_else(unknown, |a| within(a.refusals, "refusals", a.within_s)),
        widen.map_or_else(unknown, |w| within(w.sources, "sources banned", w.within_s)),
    ]
}

impl<'a> Texts<'a> {
    fn of(attachment: &'a Attachment) -> Self {
        let [source, prefix] = causes(attachment);
        Self {
            attachment,
            source,
            prefix,
            scopes: (0..=u8::MAX)
                .map(|id| attachment.description.scope_name(id))
                .collect(),
        }
    }
}

impl Banned {
    fn entry<'a>(&self, texts: &'a Texts<'_>) -> BanEntry<'a> {
        let time = |moment: u64| {
            let clock = texts.attachment.clock;
            format!("{:.3}", clock.wall(moment << MOMENT_SHIFT))
        };
        let ban = Ban(self.record.ban);
        BanEntry {
            iface: texts.attachment.iface(),
            source: self.net.to_string(),
            scope: &texts.scopes[usize::from(self.record.scope)],
            reason: if self.prefix {
                &texts.prefix
            } else {
                &texts.source
            },
            given_by: "datapath",
            since: Some(time(Strikes(self.record.strikes).since())),
            until: Some(time(ban.until())),
            times: ban.times(),
        }
    }
}
