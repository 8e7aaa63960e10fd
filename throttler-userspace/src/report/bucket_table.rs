//! Buckets as a table for people: the widths of the columns in a first pass, the lines in a second, and no cell
//! kept in between.

use super::bucket::Bucket;
use super::digits::{number, tenths};

const COLUMNS: usize = 9;
const HEADS: [&str; COLUMNS] = [
    "iface",
    "source",
    "scope",
    "class",
    "limits (left/burst)",
    "passed",
    "dropped",
    "last seen",
    "banned",
];
/// Columns of numbers.
const RIGHT: [bool; COLUMNS] = [false, false, false, false, false, true, true, false, false];

/// Characters of each column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Widths([usize; COLUMNS]);

impl Widths {
    pub(super) fn of_heads() -> Self {
        Self(HEADS.map(str::len))
    }

    /// Wide enough for both.
    pub(super) fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|column| {
            self.0[column].max(other.0[column])
        }))
    }
}

/// The cells of a bucket, one behind the other in a buffer that is used again.
#[derive(Default)]
pub(super) struct Cells {
    text: Vec<u8>,
    ends: [usize; COLUMNS],
}

impl Cells {
    fn fill(&mut self, bucket: &Bucket<'_>) {
        let out = &mut self.text;
        out.clear();
        let mut ends = self.ends.iter_mut();
        let mut end = |out: &Vec<u8>| {
            if let Some(end) = ends.next() {
                *end = out.len();
            }
        };
        let names = bucket.names;
        out.extend_from_slice(names.iface.text.as_bytes());
        end(out);
        bucket.source(out);
        end(out);
        out.extend_from_slice(names.scope(bucket.record.scope).text.as_bytes());
        end(out);
        let plan = names.plan(bucket.word.plan());
        out.extend_from_slice(plan.map_or(bucket.class(), |plan| &plan.text).as_bytes());
        end(out);
        for (index, limit) in bucket.limits.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice(limit.described.name.as_bytes());
            out.push(b' ');
            number(out, bucket.level(limit).remaining);
            out.push(b'/');
            number(out, limit.described.burst);
        }
        end(out);
        number(out, bucket.record.passed.packets);
        end(out);
        number(out, bucket.record.dropped.packets);
        end(out);
        match bucket.last_seen() {
            Some(nanos) => {
                tenths(out, nanos);
                out.extend_from_slice(b" s ago");
            }
            None => out.extend_from_slice(b"never"),
        }
        end(out);
        match bucket.banned_for() {
            0 => out.push(b'-'),
            left => {
                tenths(out, left);
                out.extend_from_slice(b" s");
            }
        }
        end(out);
    }

    fn cell(&self, column: usize) -> &[u8] {
        let start = match column {
            0 => 0,
            _ => self.ends[column - 1],
        };
        &self.text[start..self.ends[column]]
    }

    pub(super) fn widths(&mut self, bucket: &Bucket<'_>) -> Widths {
        self.fill(bucket);
        Widths(std::array::from_fn(|column| characters(self.cell(column))))
    }

    /// A line, its end left out.
    pub(super) fn line(&mut self, out: &mut Vec<u8>, bucket: &Bucket<'_>, widths: Widths) {
        self.fill(bucket);
        line(out, widths, |column| self.cell(column));
    }
}

/// The line above all, its end left out.
pub(super) fn heads(out: &mut Vec<u8>, widths: Widths) {
    line(out, widths, |column| HEADS[column].as_bytes());
}

fn line<'a>(out: &mut Vec<u8>, widths: Widths, cell: impl Fn(usize) -> &'a [u8]) {
    let begun = out.len();
    for (column, width) in widths.0.into_iter().enumerate() {
        if column > 0 {
            out.extend_from_slice(b"  ");
        }
        let cell = cell(column);
        // A number may have grown since the first pass.
        let pad = width.saturating_sub(characters(cell));
        if RIGHT[column] {
            out.resize(out.len() + pad, b' ');
            out.extend_from_slice(cell);
        } else {
            out.extend_from_slice(cell);
            out.resize(out.len() + pad, b' ');
        }
    }
    while out.len() > begun && out.last() == Some(&b' ') {
        out.pop();
    }
}

/// Characters of valid UTF-8: its bytes that do not continue one.
fn characters(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}
