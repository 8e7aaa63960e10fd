//! `dump buckets`.

use std::cmp::Reverse;
use std::io::Write;

use anyhow::Result;
use ipnet::IpNet;
use throttler_common::abi::SlotRecord;
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
    let readers = attached
        .iter()
        .map(Reader::new)
        .collect::<Result<Vec<_>>>()?;
    let mut kept = Vec::new();
    for (index, reader) in readers.iter().enumerate() {
        kept.extend(slots(reader, index, filter)?);
    }
    kept.sort_unstable_by_key(Kept::rank);
    // Made readable one by one, which costs: only those that will be printed.
    kept.truncate(filter.top.unwrap_or(usize::MAX));
    let all = kept.iter().map(Kept::read).collect::<Result<Vec<_>>>()?;
    match format {
        Format::Table => table(out, &all),
        Format::Json | Format::Jsonl => json(out, format, "buckets", &all),
    }
}

/// A slot that will be printed.
struct Kept<'a> {
    reader: &'a Reader<'a>,
    /// Of the interface, in the order of printing.
    index: usize,
    family: usize,
    record: SlotRecord,
}

impl Kept<'_> {
    /// The most dropped first, then the most passed; in one order among equals.
    fn rank(&self) -> impl Ord + use<> {
        let counts = (self.record.dropped.packets, self.record.passed.packets);
        (
            Reverse(counts),
            ip(self.family, self.record.addr),
            self.record.scope,
            self.index,
        )
    }

    fn read(&self) -> Result<Bucket> {
        let kept = Word(self.record.class);
        let word = if kept.holds(
            self.reader.head.tag,
            self.reader.attachment.clock.monotonic_ns,
        ) {
            kept
        } else {
            self.reader.resolve(self.family, self.record.addr, false)?
        };
        self.reader
            .bucket(self.family, (self.record.addr, self.record.scope), Some(&self.record), word)
    }
}

fn slots<'a>(reader: &'a Reader<'a>, index: usize, filter: &BucketFilter) -> Result<Vec<Kept<'a>>> {
    let mut kept = Vec::new();
    for family in 0..2 {
        reader.attachment.tables.sources.for_each(family, |record| {
            if filter.wants(&reader.source(family, record.addr)) {
                kept.push(Kept {
                    reader,
                    index,
                    family,
                    record,
                });
            }
        });
    }
    Ok(kept)
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
