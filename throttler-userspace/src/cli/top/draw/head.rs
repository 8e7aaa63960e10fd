//! What stands above the table.

use std::collections::VecDeque;

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Sparkline;
use throttler_common::Verdict;

use super::super::app::{App, View};
use super::super::figures::{rate, share, short};
use super::super::theme::Theme;
use crate::report::{Interface, Sort};

/// `passed ` and `dropped`.
const LABEL: u16 = 8;
/// ` 1.2k/s`.
const SCALE: u16 = 9;

pub(super) fn title(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let pace = match app.frozen {
        true => "FROZEN, space goes on".to_owned(),
        false => format!("every {:.1} s", app.pause.as_secs_f64()),
    };
    let [left, right] = Layout::horizontal([
        Constraint::Fill(1),
        Constraint::Length(pace.len() as u16 + 1),
    ])
    .areas(area);
    let mut spans = vec![Span::styled("throttler top  ", theme.head())];
    for (index, interface) in app.snapshot.interfaces.iter().enumerate() {
        if index > 0 {
            spans.push(Span::raw("; "));
        }
        let (text, well) = state(interface);
        let style = if well { Style::new() } else { theme.warning() };
        spans.push(Span::styled(text, style));
    }
    frame.render_widget(Line::from(spans), left);
    let style = if app.frozen {
        theme.warning()
    } else {
        theme.aside()
    };
    frame.render_widget(Line::styled(pace, style).alignment(Alignment::Right), right);
}

/// What holds on an interface, and whether that is what one would expect.
fn state(interface: &Interface) -> (String, bool) {
    let (does, well) = match (interface.xdp_mode, interface.paused, &*interface.mode) {
        ("none", _, _) => ("NOT ATTACHED".to_owned(), false),
        (_, true, _) => ("PAUSED".to_owned(), false),
        (mode, false, "enforce") => (format!("{mode}, enforcing"), true),
        (mode, false, _) => (format!("{mode}, monitoring"), true),
    };
    let daemon = if interface.daemon { "" } else { ", no daemon" };
    let Interface {
        name, generation, ..
    } = interface;
    (
        format!("{name}: {does}, generation {generation}{daemon}"),
        well,
    )
}

pub(super) fn sums(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let [passed, dropped] = [Verdict::Pass, Verdict::Drop].map(|verdict| {
        let flow = app.rates.total(verdict);
        (
            flow.packet_rate,
            app.rates.known.then_some(flow.packet_rate),
        )
    });
    let (entries, room) = (app.sum(|one| one.entries), app.sum(|one| one.room));
    let banned = app.sum(|one| one.banned);
    let line = Line::from(vec![
        Span::raw("passed "),
        Span::styled(format!("{}/s", rate(passed.1)), theme.passed()),
        Span::raw("  dropped "),
        Span::styled(format!("{}/s", rate(dropped.1)), theme.dropped()),
        Span::raw(format!(" ({})", share(dropped.0, passed.0 + dropped.0))),
        Span::raw(format!(
            "  sources {entries}, room {} a family  ",
            short(room as f64)
        )),
        Span::styled(
            format!("banned {banned}"),
            if banned > 0 {
                theme.banned()
            } else {
                Style::new()
            },
        ),
    ]);
    frame.render_widget(line, area);
}

pub(super) fn sparks(frame: &mut Frame<'_>, areas: [Rect; 2], app: &App, theme: &Theme) {
    let history = &app.history;
    let [passed, dropped] = areas;
    spark(frame, passed, "passed", &history.passed, theme.passed());
    spark(frame, dropped, "dropped", &history.dropped, theme.dropped());
}

fn spark(frame: &mut Frame<'_>, area: Rect, name: &str, values: &VecDeque<u64>, style: Style) {
    let [label, line, scale] = Layout::horizontal([
        Constraint::Length(LABEL),
        Constraint::Fill(1),
        Constraint::Length(SCALE),
    ])
    .areas(area);
    // The latest on the right, where it stays.
    let width = usize::from(line.width);
    let shown = values.len().min(width);
    let latest = values.iter().skip(values.len() - shown);
    let highest = latest.clone().max().copied().unwrap_or(0);
    let data = std::iter::repeat_n(None, width - shown).chain(latest.copied().map(Some));
    let data: Vec<Option<u64>> = data.collect();
    frame.render_widget(Line::raw(name), label);
    let spark = Sparkline::default()
        .data(data)
        .max(highest.max(1))
        .style(style);
    frame.render_widget(spark.absent_value_symbol(" "), line);
    let highest = format!("{}/s", short(highest as f64));
    frame.render_widget(Line::raw(highest).alignment(Alignment::Right), scale);
}

pub(super) fn views(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let mut spans = Vec::new();
    for view in View::ALL {
        spans.push(match view == app.view {
            true => Span::styled(format!("[{}]", view.name()), theme.head()),
            false => Span::raw(format!(" {} ", view.name())),
        });
    }
    frame.render_widget(Line::from(spans), area);
    let mut how = format!("by {}", order(app.query.sort));
    let filter = app.filter_text();
    if !filter.is_empty() {
        how.push_str(&format!(", only {filter}"));
    }
    let rows = app.names().len();
    how.push_str(&match (app.view, app.snapshot.matching) {
        (View::Sources, matching) if matching > rows as u64 => format!(": {rows} of {matching}"),
        _ => format!(": {rows}"),
    });
    // As much of it as the views leave room for.
    let [_, right] = Layout::horizontal([Constraint::Length(28), Constraint::Fill(1)]).areas(area);
    frame.render_widget(
        Line::styled(how, theme.aside()).alignment(Alignment::Right),
        right,
    );
}

fn order(sort: Sort) -> &'static str {
    match sort {
        Sort::DropRate => "drop rate",
        Sort::PassRate => "pass rate",
        Sort::Dropped => "total dropped",
        Sort::LastSeen => "last seen",
    }
}
