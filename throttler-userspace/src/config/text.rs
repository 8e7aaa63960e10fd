//! A file's text with its line index, so that a byte offset becomes a line and a column cheaply.

use std::fmt;
use std::ops::Range;

/// One policy or list file as read.
pub(crate) struct SourceText {
    pub(crate) name: String,
    pub(crate) text: String,
    starts: Vec<usize>,
}

/// Part of one line: what a diagnostic shows.
pub(crate) struct Excerpt<'a> {
    /// The whole line, without its end.
    pub(crate) line: &'a str,
    /// Counted from 1.
    pub(crate) number: usize,
    /// Bytes within `line`.
    pub(crate) marked: Range<usize>,
}

impl SourceText {
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self {
            name: name.into(),
            text,
            starts,
        }
    }

    /// The line of a byte offset, counted from 1.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }

    /// The line that `span` begins in; a span over several lines is marked to the end of its first.
    pub(crate) fn excerpt(&self, span: &Range<usize>) -> Excerpt<'_> {
        let number = self.line(span.start);
        let start = self.starts.get(number - 1).copied().unwrap_or(0);
        let rest = self.text.get(start..).unwrap_or_default();
        let line = rest.lines().next().unwrap_or_default();
        let within = |offset: usize| floor_boundary(line, offset.saturating_sub(start));
        let marked = within(span.start)..within(span.end.max(span.start));
        Excerpt {
            line,
            number,
            marked,
        }
    }
}

/// The parser may point past the end of a line or into a character; a caret may not.
fn floor_boundary(line: &str, offset: usize) -> usize {
    let mut at = offset.min(line.len());
    while !line.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl fmt::Debug for SourceText {
    // A list file may have a million lines, of no use in a panic message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceText({:?})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_lines_and_clips_spans() {
        let file = SourceText::new("f", "ab\r\ncd\n");
        assert_eq!(
            [0, 3, 4, 6, 7, 99].map(|at| file.line(at)),
            [1, 1, 2, 2, 3, 3]
        );
        let excerpt = file.excerpt(&(1..6));
        assert_eq!(
            (excerpt.line, excerpt.number, excerpt.marked),
            ("ab", 1, 1..2)
        );
        assert_eq!(file.excerpt(&(50..60)).marked, 0..0);
        let umlaut = SourceText::new("f", "ä");
        assert_eq!(umlaut.excerpt(&(1..1)).marked, 0..0);
    }
}
