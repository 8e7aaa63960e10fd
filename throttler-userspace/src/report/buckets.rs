//! `dump buckets`.

use std::io::Write;

use anyhow::{Context as _, Result};
use ipnet::IpNet;
use throttler_common::abi::{SlotRecord, SourceKey};
use throttler_common::class::Word;

use super::attached::Attachment;
use super::bucket::{Bucket, Reader, ip};
use super::output::{Format, Table, json};

/// Which buckets to print.
#[derive(Clone, Debug, Default)]
pub struct BucketFilter {
    /// Those whose source lies in (or holds) this prefix.
    pub source: Option<IpNet>,
    /// The worst so many: most dropped first, then most passed.
    pub top: Option<usize>,
}

impl BucketFilter {
    fn wants(&self, source: &IpNet) -> bool {
        self.source
            .is_none_or(|net| net.contains(source) || source.contains(&net))
    }
}

/// Prints the buckets of the interfaces, the worst first.
///
/// # Errors
/// The kernel's, or the writer's.
pub fn buckets(
    out: &mut impl Write,
    attached: &[Attachment],
    filter: &BucketFilter,
    format: Format,
) -> Result<()> {
    let mut all = Vec::new();
    for attachment in attached {
        all.extend(of(attachment, filter)?);
    }
    all.sort_by(|a, b| {
        let rank = |bucket: &Bucket| (bucket.dropped.packets, bucket.passed.packets);
        rank(b).cmp(&rank(a)).then_with(|| a.source.cmp(&b.source))
    });
    all.truncate(filter.top.unwrap_or(usize::MAX));
    match format {
        Format::Table => table(out, &all),
        Format::Json | Format::Jsonl => json(out, format, "buckets", &all),
    }
}

fn of(attachment: &Attachment, filter: &BucketFilter) -> Result<Vec<Bucket>> {
    let reader = Reader::new(attachment)?;
    let mut kept: Vec<(usize, SourceKey, SlotRecord)> = Vec::new();
    for (family, map) in attachment.tables.sources.iter().enumerate() {
        map.for_each(|key, record| {
            if filter.wants(&reader.source(family, key.addr)) {
                kept.push((family, *key, *record));
            }
        })
        .context("reading the source table")?;
    }
    if let Some(top) = filter.top {
        // Made readable one by one, which costs: only those that will be printed.
        kept.sort_unstable_by_key(|(family, key, record)| {
            let rank = (record.dropped.packets, record.passed.packets);
            (std::cmp::Reverse(rank), ip(*family, key.addr))
        });
        kept.truncate(top);
    }
    kept.iter()
        .map(|(family, key, record)| {
            let kept = Word(record.class);
            let word = if kept.holds(reader.head.tag, attachment.clock.monotonic_ns) {
                kept
            } else {
                reader.resolve(*family, key.addr, false)?
            };
            reader.bucket(*family, key, Some(record), word)
        })
        .collect()
}

fn table(out: &mut impl Write, buckets: &[Bucket]) -> Result<()> {
    let mut table = Table::new(&[
        "iface",
        "source",
        "scope",
        "class",
        "limits (left/burst)",
        "passed",
        "dropped",
        "last seen",
    ]);
    for bucket in buckets {
        let limits: Vec<String> = bucket
            .limits
            .iter()
            .map(|limit| format!("{} {}/{}", limit.limit, limit.remaining, limit.burst))
            .collect();
        table.row(vec![
            bucket.iface.clone(),
            bucket.source.clone(),
            bucket.scope.clone(),
            bucket
                .plan
                .clone()
                .unwrap_or_else(|| bucket.class.to_owned()),
            limits.join(", "),
            bucket.passed.packets.to_string(),
            bucket.dropped.packets.to_string(),
            bucket
                .last_seen_s
                .map_or_else(|| "never".to_owned(), |s| format!("{s:.1} s ago")),
        ]);
    }
    table.print(out)?;
    Ok(())
}
