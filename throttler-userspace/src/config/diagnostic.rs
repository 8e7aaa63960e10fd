//! What is wrong with a policy file, and how it is shown: file, line, caret and the mend.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::text::SourceText;

/// More than this and the reader needs the first few, not a full screen buffer.
const SHOWN: usize = 50;

/// A stretch of one file.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) file: Arc<SourceText>,
    pub(crate) span: Range<usize>,
}

impl Place {
    /// `file:line`, or only `line N` when it is in the file that the reader looks at already.
    pub(crate) fn describe(&self, from: &SourceText) -> String {
        let line = self.file.line(self.span.start);
        if self.file.name == from.name {
            format!("line {line}")
        } else {
            format!("{}:{line}", self.file.name)
        }
    }
}

/// One error in a policy file or in a list file that it names.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// What is wrong, naming the thing; one line.
    pub message: String,
    /// The file, as it was named to the parser.
    pub file: String,
    /// Counted from 1; 0 if the file as a whole could not be read.
    pub line: usize,
    /// In characters, counted from 1; 0 if the file as a whole could not be read.
    pub column: usize,
    /// The mend.
    pub help: String,
    place: Option<Place>,
    earlier: Option<(Place, String)>,
}

impl Diagnostic {
    pub(crate) fn at(place: Place, message: String, help: String) -> Self {
        let excerpt = place.file.excerpt(&place.span);
        let before = excerpt.line.get(..excerpt.marked.start).unwrap_or_default();
        Self {
            message,
            file: place.file.name.clone(),
            line: excerpt.number,
            column: before.chars().count() + 1,
            help,
            place: Some(place),
            earlier: None,
        }
    }

    /// For a file that could not be read at all.
    pub(crate) fn without_place(file: String, message: String, help: String) -> Self {
        Self {
            message,
            file,
            line: 0,
            column: 0,
            help,
            place: None,
            earlier: None,
        }
    }

    /// Shows a second place, the one that this one contradicts.
    pub(crate) fn contradicting(mut self, earlier: Place, label: &str) -> Self {
        self.earlier = Some((earlier, label.to_owned()));
        self
    }

    fn render(&self, renderer: &Renderer) -> String {
        let title = Level::ERROR.primary_title(self.message.as_str());
        let mut group = Group::with_title(title);
        if let Some(place) = &self.place {
            group = group.element(snippet(place, AnnotationKind::Primary, None));
        }
        if let Some((place, label)) = &self.earlier {
            group = group.element(snippet(place, AnnotationKind::Context, Some(label)));
        }
        group = group.element(Level::HELP.message(self.help.as_str()));
        renderer.render(&[group])
    }
}

// Only the line in question goes to the renderer, which would otherwise index the whole file for each error.
fn snippet<'a>(
    place: &'a Place,
    kind: AnnotationKind,
    label: Option<&'a str>,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let excerpt = place.file.excerpt(&place.span);
    Snippet::source(harmless(excerpt.line))
        .line_start(excerpt.number)
        .path(place.file.name.as_str())
        .annotation(kind.span(excerpt.marked).label(label))
}

/// The line without the control characters of ISO 8859-1, which move a terminal's cursor and which the renderer, unlike
/// those of ASCII, passes on. What stands for them is as long in UTF-8, so that carets stay where they belong.
fn harmless(line: &str) -> Cow<'_, str> {
    let moves = |c: char| ('\u{80}'..='\u{9f}').contains(&c);
    if line.contains(moves) {
        line.replace(moves, "\u{b7}").into()
    } else {
        line.into()
    }
}

/// The errors found in a policy file; never empty.
#[derive(Debug, Clone)]
pub struct ConfigError {
    diagnostics: Vec<Diagnostic>,
    /// Errors that were found beyond these.
    more: usize,
}

impl ConfigError {
    pub(crate) fn new(diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            diagnostics,
            more: 0,
        }
    }

    pub(crate) fn and_more(self, more: usize) -> Self {
        Self { more, ..self }
    }

    /// The errors, the first thousand that were found, in the order of the policy file, then of the list files.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Every error (after the fiftieth only their number) with its line, a caret and the mend; `color` adds ANSI codes.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut shown: Vec<String> = self
            .diagnostics
            .iter()
            .take(SHOWN)
            .map(|diagnostic| diagnostic.render(&renderer))
            .collect();
        let found = self.diagnostics.len() + self.more;
        if let Some(more) = found.checked_sub(SHOWN).filter(|n| *n > 0) {
            shown.push(format!("error: and {more} more like these"));
        }
        shown.join("\n\n")
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigError {}
