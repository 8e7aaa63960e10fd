//! What a key does.

use std::net::IpAddr;

use ipnet::IpNet;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::app::{App, Cursor, Effect, Mode, Text, View};
use super::draw::{HELP, table_height, text_height};
use crate::report::Sort;

/// What `b` proposes.
const BAN_FOR: &str = "10min";
/// Longer than any filter or duration.
const LONGEST: usize = 60;

impl App {
    pub(super) fn key(&mut self, key: KeyEvent) -> Effect {
        let effect = match (key.code, key.modifiers.contains(KeyModifiers::CONTROL)) {
            (KeyCode::Char('c'), true) => Effect::Quit,
            (KeyCode::Char('z'), true) => Effect::Suspend,
            (_, true) => Effect::Nothing,
            (code, false) => self.plain(code),
        };
        self.settle();
        effect
    }

    fn plain(&mut self, code: KeyCode) -> Effect {
        match std::mem::replace(&mut self.mode, Mode::Table) {
            Mode::Table => self.in_table(code),
            Mode::Text(text) => self.in_text(text, code),
            Mode::Filter(mut line) => match edited(&mut line, code) {
                Edit::Going => self.back(Mode::Filter(line)),
                Edit::Given => self.filter(line.trim()),
                Edit::Up => Effect::Nothing,
            },
            Mode::BanFor(source, mut line) => match edited(&mut line, code) {
                Edit::Going => self.back(Mode::BanFor(source, line)),
                Edit::Given => self.ban_for(source, line),
                Edit::Up => Effect::Nothing,
            },
            Mode::BanSure(source, duration) => match code {
                KeyCode::Char('y' | 'Y') => {
                    self.say(format!("banning {source} ..."), false);
                    Effect::Ban(source, duration)
                }
                _ => {
                    self.say(format!("{source} is not banned"), false);
                    Effect::Nothing
                }
            },
        }
    }

    fn back(&mut self, mode: Mode) -> Effect {
        self.mode = mode;
        Effect::Nothing
    }

    fn in_table(&mut self, code: KeyCode) -> Effect {
        self.said = None;
        match code {
            KeyCode::Char('q') | KeyCode::Esc => return Effect::Quit,
            KeyCode::Char('?' | 'h') => {
                self.mode = Mode::Text(Text {
                    title: "help".to_owned(),
                    body: HELP.to_owned(),
                    scrolled: 0,
                });
            }
            KeyCode::Tab => self.turn(1),
            KeyCode::BackTab => self.turn(View::ALL.len() - 1),
            KeyCode::Char('/') => self.mode = Mode::Filter(self.filter_text()),
            KeyCode::Char('s') => {
                self.query.sort = match self.query.sort {
                    Sort::DropRate => Sort::PassRate,
                    Sort::PassRate => Sort::Dropped,
                    Sort::Dropped => Sort::LastSeen,
                    Sort::LastSeen => Sort::DropRate,
                };
                return Effect::Look(self.query.clone());
            }
            KeyCode::Char(' ') => {
                self.frozen = !self.frozen;
                return Effect::Freeze(self.frozen);
            }
            KeyCode::Char('b') => match self.selected() {
                Some(source) => self.mode = Mode::BanFor(source, BAN_FOR.to_owned()),
                None => self.nobody("ban"),
            },
            KeyCode::Char('e') | KeyCode::Enter => match self.selected() {
                Some(source) => return Effect::Explain(source),
                None => self.nobody("explain"),
            },
            code => self.moved(code),
        }
        Effect::Nothing
    }

    fn nobody(&mut self, what: &str) {
        self.say(
            match self.view {
                View::Sources => format!("there is no source to {what}"),
                _ => format!("{what} is for sources: Tab leads to them"),
            },
            true,
        );
    }

    fn turn(&mut self, by: usize) {
        let place = View::ALL.iter().position(|view| *view == self.view);
        self.view = View::ALL[(place.unwrap_or(0) + by) % View::ALL.len()];
    }

    fn moved(&mut self, code: KeyCode) {
        let names = self.names();
        let mut cursor = self.cursor();
        let (last, page) = (names.len().saturating_sub(1), table_height(self.size));
        let Some(row) = step(cursor.row, last, page, code) else {
            return;
        };
        cursor = Cursor {
            row,
            first: cursor.first,
            // At the top again: whoever is there.
            on: (code != KeyCode::Home)
                .then(|| names.get(row).cloned())
                .flatten(),
        };
        self.cursors.insert(self.view, cursor);
    }

    fn in_text(&mut self, mut text: Text, code: KeyCode) -> Effect {
        let (lines, height) = text_height(&text.body, self.size);
        let last = lines.saturating_sub(height);
        let scrolled = step(text.scrolled, last, height, code);
        if let Some(scrolled) = scrolled {
            text.scrolled = scrolled;
        } else if matches!(code, KeyCode::Char(_) | KeyCode::Esc | KeyCode::Enter) {
            return Effect::Nothing;
        }
        self.back(Mode::Text(text))
    }

    fn filter(&mut self, line: &str) -> Effect {
        let address = line.parse::<IpAddr>().map(IpNet::from);
        let prefix = line.parse::<IpNet>().map(|net| net.trunc());
        (self.query.source, self.query.scope) = match address.or(prefix) {
            Ok(source) => (Some(source), None),
            Err(_) => (None, (!line.is_empty()).then(|| line.to_owned())),
        };
        let interfaces = &self.snapshot.interfaces;
        let mut scopes = interfaces.iter().flat_map(|interface| &interface.scopes);
        if self.query.scope.is_some() && !scopes.any(|name| self.query.wants_scope(name)) {
            self.say(
                format!("`{line}` is no address, no prefix, and in no scope's name"),
                true,
            );
        }
        Effect::Look(self.query.clone())
    }

    pub(super) fn filter_text(&self) -> String {
        let source = self.query.source.map(|source| match source.prefix_len() {
            bits if bits == source.max_prefix_len() => source.addr().to_string(),
            _ => source.to_string(),
        });
        source
            .or_else(|| self.query.scope.clone())
            .unwrap_or_default()
    }

    fn ban_for(&mut self, source: IpNet, line: String) -> Effect {
        let text = line.trim();
        if text.is_empty() {
            return self.back(Mode::BanSure(source, None));
        }
        match super::super::duration(text) {
            Ok(_) => self.back(Mode::BanSure(source, Some(text.to_owned()))),
            Err(error) => {
                self.say(error, true);
                self.back(Mode::BanFor(source, line))
            }
        }
    }
}

/// Where an arrow or its like leads to.
fn step(row: usize, last: usize, page: usize, code: KeyCode) -> Option<usize> {
    let row = match code {
        KeyCode::Up => row.saturating_sub(1),
        KeyCode::Down => row + 1,
        KeyCode::PageUp => row.saturating_sub(page),
        KeyCode::PageDown => row + page,
        KeyCode::Home => 0,
        KeyCode::End => last,
        _ => return None,
    };
    Some(row.min(last))
}

/// What became of a line.
enum Edit {
    Going,
    Given,
    Up,
}

fn edited(line: &mut String, code: KeyCode) -> Edit {
    match code {
        KeyCode::Enter => return Edit::Given,
        KeyCode::Esc => return Edit::Up,
        KeyCode::Backspace => {
            line.pop();
        }
        KeyCode::Delete => line.clear(),
        KeyCode::Char(char) if line.len() < LONGEST && !char.is_control() => line.push(char),
        _ => {}
    }
    Edit::Going
}
