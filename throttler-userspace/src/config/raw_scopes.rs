//! The shape of scopes and layers.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::fields::{Fields, Value, as_integer, wrong_type};
use super::findings::Findings;
use super::raw_limits::{RawLimit, limits};

#[derive(Default)]
pub(crate) struct RawScope {
    /// Where the key `match` stands, even if its value is no good.
    pub(crate) match_key: Option<Range<usize>>,
    pub(crate) matches: Vec<Spanned<RawMatch>>,
    pub(crate) mode: Option<Spanned<String>>,
    pub(crate) limits: Vec<RawLimit>,
    pub(crate) global: Vec<RawLimit>,
    /// There is no `global`, or it has no limit; one of the wrong type was reported as that.
    pub(crate) without_global: bool,
    pub(crate) protected_key: Option<Range<usize>>,
    pub(crate) protected: Vec<Spanned<String>>,
    pub(crate) reserved_key: Option<Range<usize>>,
    pub(crate) reserved: Option<Spanned<String>>,
    /// It was no table; nothing more is to be said of it.
    pub(crate) broken: bool,
}

pub(crate) struct RawMatch {
    pub(crate) protocol: Option<Spanned<Word>>,
    pub(crate) ports: Option<Vec<Spanned<Word>>>,
    pub(crate) ports_key: Option<Range<usize>>,
    pub(crate) to: Option<Vec<Spanned<String>>>,
}

/// Where both a string and an integer will do.
#[derive(Clone)]
pub(crate) enum Word {
    Text(String),
    Integer(i128),
}

#[derive(Default)]
pub(crate) struct RawLayer {
    pub(crate) scopes: Vec<Spanned<String>>,
    pub(crate) limits: Vec<RawLimit>,
}

pub(crate) fn scope<'d>(title: &str, value: &'d Value<'d>, findings: &mut Findings) -> RawScope {
    let Some(table) = Fields::open(value, title, title, findings) else {
        return RawScope {
            broken: true,
            ..RawScope::default()
        };
    };
    table.only(
        &["match", "mode", "limits", "global", "protected", "reserved"],
        findings,
    );
    let example = r#"match = [{ protocol = "tcp", ports = ["443"] }]"#;
    let matches = table.array("match", example, findings).unwrap_or_default();
    RawScope {
        match_key: table.key_span("match"),
        matches: matches
            .into_iter()
            .filter_map(|entry| matching(title, entry, example, findings))
            .collect(),
        mode: table.string("mode", r#"mode = "enforce""#, findings),
        limits: limits(&table, title, "limits", findings),
        global: limits(&table, title, "global", findings),
        without_global: table
            .get("global")
            .is_none_or(|value| matches!(value.get_ref(), DeValue::Table(t) if t.is_empty())),
        protected_key: table.key_span("protected"),
        protected: table
            .strings("protected", r#"protected = ["enterprise"]"#, findings)
            .unwrap_or_default(),
        reserved_key: table.key_span("reserved"),
        reserved: table.string("reserved", r#"reserved = "25%""#, findings),
        broken: false,
    }
}

fn matching<'d>(
    title: &str,
    value: &'d Value<'d>,
    example: &str,
    findings: &mut Findings,
) -> Option<Spanned<RawMatch>> {
    let title = format!("an entry of `match` in {title}");
    let table = Fields::open(value, title, example, findings)?;
    table.only(&["protocol", "ports", "to"], findings);
    let protocol = table
        .get("protocol")
        .and_then(|value| word("`protocol`", value, r#"protocol = "tcp""#, findings));
    let example = r#"ports = ["443", "8000-8099"]"#;
    let ports = table.array("ports", example, findings).map(|ports| {
        ports
            .into_iter()
            .filter_map(|port| word("an element of `ports`", port, example, findings))
            .collect()
    });
    let raw = RawMatch {
        protocol,
        ports,
        ports_key: table.key_span("ports"),
        to: table.strings("to", r#"to = ["203.0.113.0/24"]"#, findings),
    };
    Some(Spanned::new(value.span(), raw))
}

/// A string or an integer.
pub(crate) fn word(
    what: &str,
    value: &Value<'_>,
    example: &str,
    findings: &mut Findings,
) -> Option<Spanned<Word>> {
    if let DeValue::String(text) = value.get_ref() {
        return Some(Spanned::new(value.span(), Word::Text(text.to_string())));
    }
    if let Some(number) = as_integer(value) {
        return Some(Spanned::new(
            value.span(),
            Word::Integer(number.into_inner()),
        ));
    }
    wrong_type(what, "a string or an integer", value, example, findings);
    None
}

pub(crate) fn layer<'d>(title: &str, value: &'d Value<'d>, findings: &mut Findings) -> RawLayer {
    let Some(table) = Fields::open(value, title, title, findings) else {
        return RawLayer::default();
    };
    table.only(&["scopes", "limits"], findings);
    let example = r#"scopes = ["analyze", "assess"]"#;
    table.required("scopes", example, findings);
    RawLayer {
        scopes: table
            .strings("scopes", example, findings)
            .unwrap_or_default(),
        limits: limits(&table, title, "limits", findings),
    }
}
