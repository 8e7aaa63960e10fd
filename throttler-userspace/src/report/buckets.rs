//! `dump buckets`.

use std::io::Write;

use anyhow::Result;

use super::attached::Attachment;
use super::bucket::Bucket;
use super::bucket_table::{Cells, Widths, heads};
use super::output::{Format, closing, opening};
use super::rank::{BucketFilter, Ranked, rank};
use super::reader::Reader;
use super::{bucket_json, parallel};

/// Prints the buckets of the interfaces, the worst first.
///
/// # Errors
/// The writer's.
pub fn buckets(
    out: &mut impl Write,
    attached: &[Attachment],
    filter: &BucketFilter,
    format: Format,
) -> Result<()> {
    let readers: Vec<_> = attached.iter().map(Reader::new).collect();
    let all = merged(&readers, filter);
    match format {
        Format::Json => {
            out.write_all(opening("buckets").as_bytes())?;
            let any = parallel::in_order(out, &all, ",\n", |chunk, out| {
                render(&readers, chunk, out, |out, bucket| {
                    out.extend_from_slice(b",\n");
                    bucket_json::entry(out, bucket);
                });
            })?;
            out.write_all(closing(any))?;
        }
        Format::Jsonl => {
            parallel::in_order(out, &all, "", |chunk, out| {
                render(&readers, chunk, out, |out, bucket| {
                    bucket_json::entry(out, bucket);
                    out.push(b'\n');
                });
            })?;
        }
        Format::Table => table(out, &readers, &all)?,
    }
    Ok(())
}

/// Entries whose places in the table are asked for at once: their lines fit into the nearest cache.
const AHEAD: usize = 64;

/// The buckets of all interfaces, the worst first.
fn merged(readers: &[Reader<'_>], filter: &BucketFilter) -> Vec<Ranked> {
    let mut all = Vec::new();
    for (index, reader) in readers.iter().enumerate() {
        let mut ranked = rank(reader, index as u16, filter);
        if index == 0 {
            all = ranked;
        } else {
            all.append(&mut ranked);
        }
    }
    if readers.len() > 1 {
        all.sort_unstable();
        all.truncate(filter.top.unwrap_or(usize::MAX));
    }
    all
}

/// Renders entries. Those of a policy that is replaced meanwhile are rendered again: their classes may have been
/// looked up in a table that was being cleared.
fn render(
    readers: &[Reader<'_>],
    chunk: &[Ranked],
    out: &mut Vec<u8>,
    mut each: impl FnMut(&mut Vec<u8>, &Bucket<'_>),
) {
    loop {
        let begun = out.len();
        let known = readers.iter().filter(|one| one.is_known_superseded());
        let known = known.count();
        visit(readers, chunk, |bucket| each(out, bucket));
        if readers.iter().filter(|one| one.is_superseded()).count() == known {
            return;
        }
        out.truncate(begun);
    }
}

/// Reads the buckets that are still there.
fn visit(readers: &[Reader<'_>], entries: &[Ranked], mut each: impl FnMut(&Bucket<'_>)) {
    for part in entries.chunks(AHEAD) {
        let reader = |ranked: &Ranked| &readers[usize::from(ranked.iface)];
        let touched = part.iter().fold(0, |sum, ranked| {
            let sources = &reader(ranked).attachment.tables.sources;
            sum ^ ranked.spot.touch(sources)
        });
        std::hint::black_box(touched);
        let buckets = part
            .iter()
            .filter_map(|ranked| reader(ranked).bucket_at(ranked.spot));
        buckets.for_each(|bucket| each(&bucket));
    }
}

fn table(out: &mut impl Write, readers: &[Reader<'_>], all: &[Ranked]) -> Result<()> {
    let workers = parallel::workers(all.len() / 1024);
    let share = all.len().div_ceil(workers).max(1);
    let widths = parallel::each(workers, |worker| {
        let part = all.chunks(share).nth(worker).unwrap_or_default();
        let (mut cells, mut widths) = (Cells::default(), Widths::of_heads());
        visit(readers, part, |bucket| {
            widths = widths.and(cells.widths(bucket));
        });
        widths
    });
    let widths = widths.into_iter().fold(Widths::of_heads(), Widths::and);
    let mut first = Vec::new();
    heads(&mut first, widths);
    first.push(b'\n');
    out.write_all(&first)?;
    parallel::in_order(out, all, "", |chunk, out| {
        let mut cells = Cells::default();
        render(readers, chunk, out, |out, bucket| {
            cells.line(out, bucket, widths);
            out.push(b'\n');
        });
    })?;
    Ok(())
}
