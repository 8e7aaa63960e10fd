//! The table of each view: the columns that there is room for.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Text};
use ratatui::widgets::{Cell, Row, Table};
use throttler_common::Verdict;

use super::super::app::{App, View};
use super::super::figures::{rate, share, short, span};
use super::super::theme::Theme;

/// A column: its head, its width, and the width of the screen from which on it is shown.
struct Column {
    head: &'static str,
    width: Constraint,
    from: u16,
    /// A number.
    right: bool,
}

const fn text(head: &'static str, width: Constraint, from: u16) -> Column {
    Column {
        head,
        width,
        from,
        right: false,
    }
}

const fn number(head: &'static str, from: u16) -> Column {
    Column {
        head,
        width: Constraint::Length(7),
        from,
        right: true,
    }
}

/// Where there are several interfaces, their names need as much more.
const IFACE: u16 = 16;

/// A cell, and how it looks.
type Styled = (String, Style);

pub(super) fn table(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let iface = text(
        "iface",
        Constraint::Length(IFACE - 1),
        if app.several() { 100 } else { u16::MAX },
    );
    let (columns, rows) = match app.view {
        View::Sources => sources(app, theme, iface),
        View::Scopes => scopes(app, theme, iface),
        View::Reasons => reasons(app, theme),
    };
    let shown: Vec<bool> = columns.iter().map(|one| area.width >= one.from).collect();
    let chosen = |index: usize| shown.get(index).copied().unwrap_or(false);
    let cells = |row: Vec<Styled>| {
        let kept = row.into_iter().zip(&columns).enumerate();
        let kept = kept.filter(|(index, _)| chosen(*index));
        let cell = |(text, style): Styled, column: &Column| {
            let line = Line::styled(text, style);
            let side = if column.right {
                Alignment::Right
            } else {
                Alignment::Left
            };
            Cell::from(Text::from(line.alignment(side)))
        };
        kept.map(|(_, (styled, column))| cell(styled, column))
            .collect::<Vec<_>>()
    };
    let head = columns
        .iter()
        .map(|one| (one.head.to_owned(), theme.head()));
    let cursor = app.cursor();
    let visible = rows
        .into_iter()
        .enumerate()
        .skip(cursor.first)
        .take(usize::from(area.height));
    let rows: Vec<Row<'_>> = visible
        .map(|(index, row)| {
            let row = Row::new(cells(row));
            if index == cursor.row {
                row.style(theme.selected())
            } else {
                row
            }
        })
        .collect();
    let widths = columns.iter().enumerate();
    let widths = widths
        .filter(|(index, _)| chosen(*index))
        .map(|(_, one)| one.width);
    let table = Table::new(rows, widths.collect::<Vec<_>>())
        .header(Row::new(cells(head.collect())))
        .column_spacing(1);
    frame.render_widget(table, area);
}

fn plain(text: impl Into<String>) -> Styled {
    (text.into(), Style::new())
}

/// A figure that is coloured where there is something.
fn lit(text: String, value: f64, style: Style) -> Styled {
    (text, if value > 0.0 { style } else { Style::new() })
}

fn sources(app: &App, theme: &Theme, iface: Column) -> (Vec<Column>, Vec<Vec<Styled>>) {
    let columns = vec![
        iface,
        text("source", Constraint::Fill(3), 0),
        text("scope", Constraint::Fill(1), 0),
        text("class", Constraint::Fill(1), 70),
        number("pass/s", 0),
        number("drop/s", 0),
        number("dropped", 0),
        number("passed", 90),
        number("seen", 70),
        number("banned", 56),
    ];
    let rows = app.sources().into_iter().map(|one| {
        let per_second = |count: u64| {
            let elapsed = one.elapsed.filter(|elapsed| *elapsed > 0)?;
            Some(count as f64 * 1e9 / elapsed as f64)
        };
        let tallies = &one.tallies;
        let [passed, dropped] = [tallies.new_passed, tallies.new_dropped].map(per_second);
        let banned = match one.banned_for {
            0 => plain("-"),
            left => (span(left), theme.banned()),
        };
        vec![
            plain(&*one.iface),
            plain(one.source.to_string()),
            plain(&*one.scope),
            plain(&*one.class),
            lit(rate(passed), passed.unwrap_or(0.0), theme.passed()),
            lit(rate(dropped), dropped.unwrap_or(0.0), theme.dropped()),
            plain(short(tallies.dropped as f64)),
            plain(short(tallies.passed as f64)),
            plain(span(one.idle)),
            banned,
        ]
    });
    (columns, rows.collect())
}

fn scopes(app: &App, theme: &Theme, iface: Column) -> (Vec<Column>, Vec<Vec<Styled>>) {
    let columns = vec![
        iface,
        text("scope", Constraint::Fill(1), 0),
        number("pass/s", 0),
        number("drop/s", 0),
        number("share", 56),
        number("bytes/s", 70),
        number("passed", 0),
        number("dropped", 0),
    ];
    let known = |value: f64| rate(app.rates.known.then_some(value));
    let rows = app.scopes().into_iter().map(|row| {
        let [passed, dropped] = [row.passed.packet_rate, row.dropped.packet_rate];
        vec![
            plain(row.iface),
            plain(row.scope),
            lit(known(passed), passed, theme.passed()),
            lit(known(dropped), dropped, theme.dropped()),
            plain(share(dropped, passed + dropped)),
            plain(known(row.passed.byte_rate + row.dropped.byte_rate)),
            plain(short(row.passed.packets as f64)),
            plain(short(row.dropped.packets as f64)),
        ]
    });
    (columns, rows.collect())
}

fn reasons(app: &App, theme: &Theme) -> (Vec<Column>, Vec<Vec<Styled>>) {
    let columns = vec![
        text("reason", Constraint::Fill(1), 0),
        text("verdict", Constraint::Length(7), 0),
        number("pkt/s", 0),
        number("bytes/s", 56),
        number("packets", 0),
        number("bytes", 0),
    ];
    let known = |value: f64| rate(app.rates.known.then_some(value));
    let rows = app.reasons().into_iter().map(|(reason, flow)| {
        let (verdict, style) = match reason.verdict() {
            Verdict::Pass => ("pass", theme.passed()),
            Verdict::Drop => ("drop", theme.dropped()),
        };
        vec![
            plain(reason.as_str()),
            (verdict.to_owned(), style),
            lit(known(flow.packet_rate), flow.packet_rate, style),
            plain(known(flow.byte_rate)),
            plain(short(flow.packets as f64)),
            plain(short(flow.bytes as f64)),
        ]
    });
    (columns, rows.collect())
}
