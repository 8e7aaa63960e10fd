//! What `top` knows: a state that keys, looks and answers change.

use std::collections::BTreeMap;
use std::time::Duration;

use ipnet::IpNet;
use ratatui::layout::Size;

use super::draw::table_height;
use super::rates::{History, Rates};
use crate::report::{Interface, Query, Snapshot};

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum View {
    #[default]
    Sources,
    Scopes,
    Reasons,
}

impl View {
    pub(super) const ALL: [Self; 3] = [Self::Sources, Self::Scopes, Self::Reasons];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sources => "Sources",
            Self::Scopes => "Scopes",
            Self::Reasons => "Reasons",
        }
    }
}

/// Who gets the keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The table.
    Table,
    /// A text on top of it.
    Text(Text),
    /// The line for a filter.
    Filter(String),
    /// The line for how long a source is to be banned.
    BanFor(IpNet, String),
    /// The question whether it is.
    BanSure(IpNet, Option<String>),
}

/// A text that is read and put away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) title: String,
    pub(super) body: String,
    /// Lines above the first one shown.
    pub(super) scrolled: usize,
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    Quit,
    /// As the shell's Ctrl-Z.
    Suspend,
    /// Look for this from now on.
    Look(Query),
    /// Look, or do not until told to.
    Freeze(bool),
    Explain(IpNet),
    /// Ban, for this long or until it is taken back.
    Ban(IpNet, Option<String>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Explained(IpNet, String),
    Banned(String),
    Failed(String),
}

/// A look at the maps, or why there was none.
pub(super) struct Look {
    pub(super) found: Result<Snapshot, String>,
    /// How long it took.
    pub(super) took: Duration,
    /// Until the next one.
    pub(super) pause: Duration,
}

/// Where one is in a table.
#[derive(Clone, Debug, Default)]
pub(super) struct Cursor {
    pub(super) row: usize,
    /// The first row on the screen.
    pub(super) first: usize,
    /// The row is that of this entry, wherever it goes; none while nobody moved.
    pub(super) on: Option<String>,
}

/// The state.
pub(super) struct App {
    pub(super) size: Size,
    pub(super) view: View,
    pub(super) mode: Mode,
    pub(super) query: Query,
    pub(super) frozen: bool,
    /// A word on what was done, or failed.
    pub(super) said: Option<Said>,
    pub(super) snapshot: Snapshot,
    pub(super) rates: Rates,
    pub(super) history: History,
    pub(super) pause: Duration,
    pub(super) took: Duration,
    pub(super) cursors: BTreeMap<View, Cursor>,
}

/// A line for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) text: String,
    pub(super) error: bool,
    /// By a look that failed: the next one that does not takes it back.
    by_look: bool,
}

impl App {
    pub(super) fn new() -> Self {
        Self {
            size: Size::default(),
            view: View::default(),
            mode: Mode::Table,
            query: Query::default(),
            frozen: false,
            said: None,
            snapshot: Snapshot::default(),
            rates: Rates::default(),
            history: History::default(),
            pause: Duration::ZERO,
            took: Duration::ZERO,
            cursors: BTreeMap::new(),
        }
    }

    pub(super) fn say(&mut self, text: impl Into<String>, error: bool) {
        self.said = Some(Said {
            text: text.into(),
            error,
            by_look: false,
        });
    }

    pub(super) fn resize(&mut self, size: Size) {
        self.size = size;
        self.settle();
    }

    /// A look that came while frozen was on its way before.
    pub(super) fn look(&mut self, look: Look) {
        if self.frozen {
            return;
        }
        (self.took, self.pause) = (look.took, look.pause);
        match look.found {
            Ok(snapshot) => {
                self.rates = Rates::between(&self.snapshot, &snapshot);
                self.history.add(&self.rates);
                self.snapshot = snapshot;
                self.said = self.said.take().filter(|said| !said.by_look);
            }
            Err(text) => {
                self.said = Some(Said {
                    text,
                    error: true,
                    by_look: true,
                });
            }
        }
        self.settle();
    }

    pub(super) fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Explained(source, body) => {
                self.mode = Mode::Text(Text {
                    title: format!("explain {}", source.network()),
                    body,
                    scrolled: 0,
                });
            }
            Answer::Banned(text) => self.say(text, false),
            Answer::Failed(text) => self.say(text, true),
        }
    }

    pub(super) fn cursor(&self) -> Cursor {
        self.cursors.get(&self.view).cloned().unwrap_or_default()
    }

    /// The source that the cursor is on.
    pub(super) fn selected(&self) -> Option<IpNet> {
        let rows = self.sources();
        let row = rows.get(self.cursor().row)?;
        (self.view == View::Sources).then_some(row.source)
    }

    /// Puts the cursor where its entry has gone, and the screen around it.
    pub(super) fn settle(&mut self) {
        let names = self.names();
        let height = table_height(self.size).max(1);
        let mut cursor = self.cursor();
        if let Some(on) = &cursor.on
            && let Some(row) = names.iter().position(|name| name == on)
        {
            cursor.row = row;
        }
        cursor.row = cursor.row.min(names.len().saturating_sub(1));
        let lowest = names.len().saturating_sub(height);
        cursor.first = cursor.first.min(cursor.row).min(lowest);
        cursor.first = cursor.first.max((cursor.row + 1).saturating_sub(height));
        self.cursors.insert(self.view, cursor);
    }

    /// Whether there is more than one interface to tell apart.
    pub(super) fn several(&self) -> bool {
        self.snapshot.interfaces.len() > 1
    }

    /// A sum over the interfaces.
    pub(super) fn sum(&self, of: impl Fn(&Interface) -> u64) -> u64 {
        self.snapshot.interfaces.iter().map(of).sum()
    }
}
