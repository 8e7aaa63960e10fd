//! `top` on the screen: a picture of the state, and nothing else.
//!
//! From above: what is enforced, sums, sparklines where there is room, the views, a table, a line for words and
//! questions, and the keys.

mod head;
mod popup;
mod tables;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect, Size};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::app::{App, Mode};
use super::theme::Theme;
pub(super) use popup::{HELP, text_height};

/// The least that holds a row of sources.
const LEAST: Size = Size {
    width: 50,
    height: 8,
};
/// Lines beside the table's rows and the sparklines: title, sums, views, head, words, keys.
const BESIDE: u16 = 6;

const KEYS: &str = "? help  Tab view  / filter  s sort  b ban  e explain  space freeze  q quit";

/// Lines of one sparkline.
fn spark_height(size: Size) -> u16 {
    match size.height {
        0..16 => 0,
        16..32 => 1,
        _ => 3,
    }
}

/// Rows of the table that are seen.
pub(super) fn table_height(size: Size) -> usize {
    usize::from(size.height.saturating_sub(BESIDE + 2 * spark_height(size)))
}

pub(super) fn draw(frame: &mut Frame<'_>, app: &App, theme: &Theme) {
    let area = frame.area();
    if area.width < LEAST.width || area.height < LEAST.height {
        return too_small(frame, area);
    }
    let spark = spark_height(app.size);
    let [title, sums, passed, dropped, views, table, words, keys] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(spark),
        Constraint::Length(spark),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    head::title(frame, title, app, theme);
    head::sums(frame, sums, app, theme);
    head::sparks(frame, [passed, dropped], app, theme);
    head::views(frame, views, app, theme);
    tables::table(frame, table, app, theme);
    bottom(frame, words, app, theme);
    frame.render_widget(Line::styled(KEYS, theme.aside()), keys);
    if let Mode::Text(text) = &app.mode {
        popup::text(frame, area, text, theme);
    }
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let Size { width, height } = LEAST;
    let text = format!(
        "{}x{} is too small: top needs {width}x{height}",
        area.width, area.height
    );
    let wrap = ratatui::widgets::Wrap { trim: true };
    frame.render_widget(Paragraph::new(text).wrap(wrap), area);
}

/// A question and its answer so far, or what is to be said.
fn bottom(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let asked = match &app.mode {
        Mode::Filter(line) => Some((
            "filter (address, prefix, or text in a scope's name): ".to_owned(),
            line,
        )),
        Mode::BanFor(source, line) => Some((format!("ban {source} for (empty: for good): "), line)),
        Mode::BanSure(source, duration) => {
            let how_long = duration.as_ref().map_or_else(
                || "until it is taken back".to_owned(),
                |duration| format!("for {duration}"),
            );
            let question = format!("ban {source} {how_long}? y: yes, any other key: no");
            return frame.render_widget(Line::styled(question, theme.warning()), area);
        }
        _ => None,
    };
    if let Some((question, line)) = asked {
        // Where the line is too narrow for both, the answer is what counts.
        let room = usize::from(area.width).saturating_sub(line.chars().count() + 1);
        let question: String = question.chars().take(room).collect();
        let at = area.x + (question.chars().count() + line.chars().count()) as u16;
        let error = app.said.as_ref().filter(|said| said.error);
        let mut spans = vec![
            Span::styled(question, theme.head()),
            Span::raw(line.clone()),
        ];
        if let Some(said) = error {
            spans.push(Span::styled(format!("  {}", said.text), theme.warning()));
        }
        frame.render_widget(Line::from(spans), area);
        return frame.set_cursor_position((at.min(area.right().saturating_sub(1)), area.y));
    }
    if let Some(said) = &app.said {
        let style = match said.error {
            true => theme.warning(),
            false => theme.aside(),
        };
        frame.render_widget(Line::styled(said.text.clone(), style), area);
    }
}
