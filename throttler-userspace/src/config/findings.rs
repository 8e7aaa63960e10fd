//! Collects errors and warnings while the stages go on, so that one run shows everything that is wrong.

use std::ops::Range;
use std::sync::Arc;

use super::diagnostic::{ConfigError, Diagnostic, Place};
use super::suggest::known;
use super::text::SourceText;

/// Errors that are kept; of the others only their number is told, as of most of these.
const KEPT: usize = 1_000;

/// The errors and warnings of one policy file so far.
pub(crate) struct Findings {
    file: Arc<SourceText>,
    errors: Vec<Diagnostic>,
    /// Errors beyond those.
    more: usize,
    warnings: Vec<(usize, String)>,
}

impl Findings {
    pub(crate) fn new(file: Arc<SourceText>) -> Self {
        Self {
            file,
            errors: Vec::new(),
            more: 0,
            warnings: Vec::new(),
        }
    }

    /// The policy file itself.
    pub(crate) fn file(&self) -> &Arc<SourceText> {
        &self.file
    }

    pub(crate) fn place(&self, span: Range<usize>) -> Place {
        Place {
            file: Arc::clone(&self.file),
            span,
        }
    }

    pub(crate) fn error(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        // A place costs a look at its whole line, and a file may be one line.
        if self.errors.len() >= KEPT {
            self.more += 1;
            return;
        }
        let place = self.place(span);
        self.push(Diagnostic::at(place, message.into(), help.into()));
    }

    /// [`known`], as long as errors are kept: to look for what was meant takes a while.
    pub(crate) fn known<'a>(
        &self,
        what: &str,
        written: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> String {
        match self.errors.len() < KEPT {
            true => known(what, written, candidates),
            false => String::new(),
        }
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        if self.errors.len() >= KEPT {
            self.more += 1;
            return;
        }
        self.errors.push(diagnostic);
    }

    pub(crate) fn warn(&mut self, span: Range<usize>, text: impl AsRef<str>) {
        let line = self.file.line(span.start);
        let rendered = format!("{}:{line}: {}", self.file.name, text.as_ref());
        self.warnings.push((line, rendered));
    }

    /// The warnings in file order, or every error in file order with those of list files last.
    pub(crate) fn finish(mut self) -> Result<Vec<String>, ConfigError> {
        if self.errors.is_empty() {
            self.warnings.sort_by_key(|(line, _)| *line);
            return Ok(self.warnings.into_iter().map(|(_, text)| text).collect());
        }
        let main = &self.file.name;
        self.errors
            .sort_by_cached_key(|e| (e.file != *main, e.file.clone(), e.line, e.column));
        Err(ConfigError::new(self.errors).and_more(self.more))
    }
}
