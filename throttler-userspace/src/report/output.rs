//! Text tables and JSON documents.

use std::io::{self, Write};

use serde::Serialize;

/// How a document is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns for people.
    #[default]
    Table,
    /// One document.
    Json,
    /// One line an item.
    Jsonl,
}

/// Aligned columns; the first row is the head.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    #[must_use]
    pub fn new(head: &[&str]) -> Self {
        Self {
            rows: vec![head.iter().map(ToString::to_string).collect()],
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        let cells = cells.into_iter().map(harmless);
        self.rows.push(cells.collect());
    }

    /// Whether it has no rows but the head.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.len() <= 1
    }

    /// Prints it. Columns of numbers are aligned to the right.
    ///
    /// # Errors
    /// The writer's.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let numeric = |column: usize| {
            let cells = self.rows.iter().skip(1).filter_map(|row| row.get(column));
            let mut cells = cells.filter(|cell| *cell != "-").peekable();
            let digits = |cell: &String| cell.bytes().all(|byte| byte.is_ascii_digit());
            cells.peek().is_some() && cells.all(digits)
        };
        let layout: Vec<(usize, bool)> = (0..columns).map(|c| (width(c), numeric(c))).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, (width, right)) in row.iter().zip(&layout) {
                let pad = " ".repeat(width - cell.chars().count());
                if !line.is_empty() {
                    line.push_str("  ");
                }
                if *right {
                    line.push_str(&pad);
                    line.push_str(cell);
                } else {
                    line.push_str(cell);
                    line.push_str(&pad);
                }
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A text for people without control characters, which would move a terminal's cursor: what the policy file says of a
/// rule is its author's, and what the maps say anybody's who may write to them.
#[must_use]
pub fn harmless(mut text: String) -> String {
    if text.contains(char::is_control) {
        text = text.replace(char::is_control, "\u{fffd}");
    }
    text
}

/// The beginning of a document, up to its first item.
pub(super) fn opening(key: &str) -> String {
    let version = super::SCHEMA_VERSION;
    format!("{{\"schema_version\":{version},\"{key}\":[\n")
}

/// Prints a document of items under `key`: `{"schema_version":1,"<key>":[...]}`, or a line each. Either way
/// an item is one line.
///
/// # Errors
/// The writer's.
pub fn json<T: Serialize>(
    out: &mut impl Write,
    format: Format,
    key: &str,
    items: impl IntoIterator<Item = T>,
) -> anyhow::Result<()> {
    let items = items.into_iter();
    document(
        out,
        format,
        key,
        items.map(|item| serde_json::to_vec(&item)),
    )
}

/// The same of items that are JSON already.
pub(super) fn document<E>(
    out: &mut impl Write,
    format: Format,
    key: &str,
    items: impl IntoIterator<Item = Result<Vec<u8>, E>>,
) -> anyhow::Result<()>
where
    anyhow::Error: From<E>,
{
    let lines = format == Format::Jsonl;
    if !lines {
        out.write_all(opening(key).as_bytes())?;
    }
    let mut any = false;
    for item in items {
        if any {
            out.write_all(if lines { b"\n" } else { b",\n" })?;
        }
        any = true;
        out.write_all(&item?)?;
    }
    out.write_all(match (lines, any) {
        (true, false) => b"",
        (true, true) => b"\n",
        (false, any) => closing(any),
    })?;
    Ok(())
}

/// The end of a document that has items, or none.
pub(super) fn closing(any: bool) -> &'static [u8] {
    if any { b"\n]}\n" } else { b"]}\n" }
}

/// Nanoseconds as seconds, to the millisecond.
#[must_use]
pub fn seconds(nanos: u64) -> f64 {
    (nanos as f64 / 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_numbers_to_the_right() {
        let mut table = Table::new(&["source", "packets"]);
        table.row(vec!["10.0.0.1/32".to_owned(), "7".to_owned()]);
        table.row(vec!["fd00::/64".to_owned(), "12345678".to_owned()]);
        let mut text = Vec::new();
        table.print(&mut text).unwrap();
        let expected = "source        packets\n10.0.0.1/32         7\nfd00::/64    12345678\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn nothing_in_a_cell_moves_the_cursor() {
        let mut table = Table::new(&["reason"]);
        table.row(vec!["a\u{1b}[2J\n\u{9b}2Jb".to_owned()]);
        let mut text = Vec::new();
        table.print(&mut text).unwrap();
        let expected = "reason\na\u{fffd}[2J\u{fffd}\u{fffd}2Jb\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn seconds_are_rounded_to_milliseconds() {
        assert_eq!(seconds(41_799_600_000), 41.8);
        assert_eq!(seconds(0), 0.0);
    }
}
