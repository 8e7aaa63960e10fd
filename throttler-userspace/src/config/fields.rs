//! Typed access to the tables of a parsed file. Unlike serde's derive, which stops at the first, it reports every
//! unknown key, wrong type and missing key, each with its span.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::findings::Findings;
use super::suggest::{known, quote};

pub(crate) type Value<'d> = Spanned<DeValue<'d>>;

/// One table of the file.
pub(crate) struct Fields<'d> {
    table: &'d DeTable<'d>,
    /// As messages call it: `[scopes.api]`.
    title: String,
    /// Where to point when a key is missing.
    pub(crate) span: Range<usize>,
}

impl<'d> Fields<'d> {
    /// The root of the file.
    pub(crate) fn root(table: &'d DeTable<'d>) -> Self {
        Self {
            table,
            title: "the policy file".to_owned(),
            span: 0..0,
        }
    }

    /// `value` as a table, or an error whose mend is `example`.
    pub(crate) fn open(
        value: &'d Value<'d>,
        title: impl Into<String>,
        example: &str,
        findings: &mut Findings,
    ) -> Option<Self> {
        let title = title.into();
        match value.get_ref() {
            DeValue::Table(table) => Some(Self {
                table,
                title,
                span: value.span(),
            }),
            _ => {
                wrong_type(&title, "a table", value, example, findings);
                None
            }
        }
    }

    /// Reports every key that is not in `allowed`.
    pub(crate) fn only(&self, allowed: &[&str], findings: &mut Findings) {
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !allowed.contains(&name) {
                let message = format!("unknown key {} in {}", quote(name), self.title);
                let help = known("keys", name, allowed.iter().copied());
                findings.error(key.span(), message, help);
            }
        }
    }

    /// Every entry in file order, for tables whose keys are names.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Spanned<String>, &'d Value<'d>)> {
        self.table
            .iter()
            .map(|(key, value)| (Spanned::new(key.span(), key.get_ref().to_string()), value))
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'d Value<'d>> {
        self.table.get(key)
    }

    /// Where `key` itself stands.
    pub(crate) fn key_span(&self, key: &str) -> Option<Range<usize>> {
        self.table.get_key_value(key).map(|(key, _)| key.span())
    }

    /// `get`, or an error if the key is missing.
    pub(crate) fn required(
        &self,
        key: &str,
        example: &str,
        findings: &mut Findings,
    ) -> Option<&'d Value<'d>> {
        let value = self.get(key);
        if value.is_none() {
            let message = format!("{} has no `{key}`", self.title);
            findings.error(self.span.clone(), message, format!("add `{example}`"));
        }
        value
    }

    pub(crate) fn string(
        &self,
        key: &str,
        example: &str,
        findings: &mut Findings,
    ) -> Option<Spanned<String>> {
        as_string(&format!("`{key}`"), self.get(key)?, example, findings)
    }

    pub(crate) fn integer(
        &self,
        key: &str,
        example: &str,
        findings: &mut Findings,
    ) -> Option<Spanned<i128>> {
        let value = self.get(key)?;
        let number = as_integer(value);
        if number.is_none() {
            wrong_type(&format!("`{key}`"), "an integer", value, example, findings);
        }
        number
    }

    /// The elements of an array with at least one.
    pub(crate) fn array(
        &self,
        key: &str,
        example: &str,
        findings: &mut Findings,
    ) -> Option<Vec<&'d Value<'d>>> {
        let value = self.get(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            wrong_type(&format!("`{key}`"), "an array", value, example, findings);
            return None;
        };
        if array.is_empty() {
            findings.error(
                value.span(),
                format!("`{key}` is empty"),
                format!("write `{example}`, or remove what is not to be"),
            );
        }
        Some(array.iter().collect())
    }

    /// The elements of an array of strings; those of another type are reported and left out.
    pub(crate) fn strings(
        &self,
        key: &str,
        example: &str,
        findings: &mut Findings,
    ) -> Option<Vec<Spanned<String>>> {
        let what = format!("an element of `{key}`");
        let elements = self.array(key, example, findings)?;
        let strings = elements
            .into_iter()
            .filter_map(|element| as_string(&what, element, example, findings));
        Some(strings.collect())
    }
}

pub(crate) fn as_string(
    what: &str,
    value: &Value<'_>,
    example: &str,
    findings: &mut Findings,
) -> Option<Spanned<String>> {
    if let DeValue::String(text) = value.get_ref() {
        return Some(Spanned::new(value.span(), text.to_string()));
    }
    wrong_type(what, "a string", value, example, findings);
    None
}

/// An integer; one too large for 128 bits becomes the largest, which every range check refuses.
pub(crate) fn as_integer(value: &Value<'_>) -> Option<Spanned<i128>> {
    let integer = value.get_ref().as_integer()?;
    let number = i128::from_str_radix(integer.as_str(), integer.radix());
    Some(Spanned::new(value.span(), number.unwrap_or(i128::MAX)))
}

pub(crate) fn wrong_type(
    what: &str,
    expected: &str,
    value: &Value<'_>,
    example: &str,
    findings: &mut Findings,
) {
    let found = match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    let message = format!("{what} must be {expected}, not {found}");
    findings.error(value.span(), message, format!("write `{example}`"));
}
