//! A text on top of everything: help, and what `explain` says.

use ratatui::Frame;
use ratatui::layout::{Margin, Rect, Size};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Clear, Paragraph};

use super::super::app;
use super::super::theme::Theme;

/// What the keys do.
pub(in crate::cli::top) const HELP: &str = "\
Tab, Shift-Tab   the next view: sources, scopes, reasons
Up, Down, PgUp, PgDn, Home, End
                 move; the cursor stays with its source, Home lets go
/                filter: an address or prefix (10.0.0.0/8), or text in a
                 scope's name; empty: all
s                sort by drop rate, pass rate, total dropped, last seen
b                ban the source; asks for how long (needs the daemon)
e, Enter         explain what becomes of the source, and why
space            freeze, and go on
q, Esc, Ctrl-C   quit

Rates: what came between two looks, by the time between them. seen:
since the latest packet. banned: what is left of the datapath's ban;
who is banned by an operator has the class `block`.";

/// A popup leaves the first line and the last of the screen.
const AROUND: Margin = Margin {
    horizontal: 0,
    vertical: 1,
};

/// The lines of a text in a popup on such a screen, and how many of them are seen at once.
pub(in crate::cli::top) fn text_height(body: &str, size: Size) -> (usize, usize) {
    let inner = inside(Rect::new(0, 0, size.width, size.height));
    (folded(body, inner.width).len(), usize::from(inner.height))
}

pub(super) fn text(frame: &mut Frame<'_>, area: Rect, text: &app::Text, theme: &Theme) {
    let outer = area.inner(AROUND);
    let inner = inside(area);
    let lines = folded(&text.body, inner.width);
    let more = text.scrolled + usize::from(inner.height) < lines.len();
    let hint = if more { " more below " } else { " any key " };
    let shown = lines.into_iter().skip(text.scrolled);
    let shown: Vec<Line<'_>> = shown
        .take(usize::from(inner.height))
        .map(Line::raw)
        .collect();
    let block = Block::bordered()
        .title(Line::styled(format!(" {} ", text.title), theme.head()))
        .title_bottom(Line::styled(hint, theme.aside()).right_aligned());
    frame.render_widget(Clear, outer);
    frame.render_widget(block, outer);
    frame.render_widget(Paragraph::new(Text::from(shown)), inner);
}

fn inside(area: Rect) -> Rect {
    area.inner(AROUND).inner(Margin::new(2, 1))
}

/// Lines of so many columns, broken at blanks where there are any.
fn folded(body: &str, width: u16) -> Vec<String> {
    let width = usize::from(width).max(1);
    let mut lines = Vec::new();
    for line in body.lines() {
        let (mut rest, mut indent) = (line.trim_end(), "");
        loop {
            let room = width.saturating_sub(indent.len()).max(1);
            let Some((end, next)) = rest.char_indices().nth(room) else {
                lines.push(format!("{indent}{rest}"));
                break;
            };
            let blank = rest[..end + next.len_utf8()]
                .rfind(' ')
                .filter(|at| !rest[..*at].trim().is_empty());
            let (head, tail) = rest.split_at(blank.unwrap_or(end));
            lines.push(format!("{indent}{}", head.trim_end()));
            (rest, indent) = (tail.trim_start(), "    ");
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn lines_are_broken_at_blanks_and_lose_nothing() {
        assert_eq!(
            folded("one two three\n\n  x", 9),
            ["one two", "    three", "", "  x"]
        );
        assert_eq!(folded("abcdefgh", 5), ["abcde", "    f", "    g", "    h"]);
        assert_eq!(folded("äöü äöü", 3), ["äöü", "    ä", "    ö", "    ü"]);
    }
}
