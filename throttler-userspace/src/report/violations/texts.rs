//! Names, kept once each: a million rows have few.

use std::collections::HashMap;

/// Of a name that is not there.
pub(super) const NONE: u32 = 0;

/// Names by number.
pub(super) struct Texts {
    numbers: HashMap<String, u32>,
    texts: Vec<String>,
}

impl Default for Texts {
    fn default() -> Self {
        let mut texts = Self {
            numbers: HashMap::new(),
            texts: Vec::new(),
        };
        texts.number("");
        texts
    }
}

impl Texts {
    /// A name's number; that of the empty one is [`NONE`].
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.texts.len()).unwrap_or(NONE);
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    /// The name.
    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.get(number as usize).map_or("", String::as_str)
    }

    /// The name; `None` of [`NONE`].
    pub(super) fn some(&self, number: u32) -> Option<&str> {
        (number != NONE).then(|| self.text(number))
    }
}
