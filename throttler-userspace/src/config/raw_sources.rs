//! The shape of `[[sources]]`.

use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;
use toml::value::Datetime;

use super::fields::{Fields, Value, wrong_type};
use super::findings::Findings;

pub(crate) struct RawSource {
    /// The `[[sources]]` header.
    pub(crate) span: Range<usize>,
    pub(crate) from: Option<Vec<Spanned<String>>>,
    pub(crate) file: Option<Spanned<String>>,
    pub(crate) plan: Option<Spanned<String>>,
    pub(crate) exempt: Option<Spanned<bool>>,
    pub(crate) block: Option<Spanned<bool>>,
    pub(crate) until: Option<Spanned<RawTime>>,
    pub(crate) reason: Option<Spanned<String>>,
    /// A value of the wrong type was left out above, so its absence means nothing.
    pub(crate) broken: bool,
}

pub(crate) enum RawTime {
    Text(String),
    Toml(Datetime),
}

pub(crate) fn source<'d>(value: &'d Value<'d>, findings: &mut Findings) -> Option<RawSource> {
    let keys = ["from", "file", "plan", "exempt", "block", "until", "reason"];
    let table = Fields::open(value, "an element of `sources`", "[[sources]]", findings)?;
    table.only(&keys, findings);
    let mut raw = RawSource {
        span: value.span(),
        from: table.strings("from", r#"from = ["198.51.100.0/24"]"#, findings),
        file: table.string("file", r#"file = "partners.txt""#, findings),
        plan: table.string("plan", r#"plan = "pro""#, findings),
        exempt: boolean(&table, "exempt", findings),
        block: boolean(&table, "block", findings),
        until: until(&table, findings),
        reason: table.string("reason", r#"reason = "staff VPN""#, findings),
        broken: false,
    };
    let lost = [
        ("from", raw.from.is_none()),
        ("file", raw.file.is_none()),
        ("plan", raw.plan.is_none()),
        ("exempt", raw.exempt.is_none()),
        ("block", raw.block.is_none()),
        ("until", raw.until.is_none()),
    ];
    raw.broken = lost
        .iter()
        .any(|(key, none)| *none && table.get(key).is_some());
    Some(raw)
}

fn boolean(table: &Fields<'_>, key: &str, findings: &mut Findings) -> Option<Spanned<bool>> {
    let value = table.get(key)?;
    let Some(truth) = value.get_ref().as_bool() else {
        wrong_type(
            &format!("`{key}`"),
            "a boolean",
            value,
            &format!("{key} = true"),
            findings,
        );
        return None;
    };
    Some(Spanned::new(value.span(), truth))
}

fn until(table: &Fields<'_>, findings: &mut Findings) -> Option<Spanned<RawTime>> {
    let value = table.get("until")?;
    let time = match value.get_ref() {
        DeValue::String(text) => RawTime::Text(text.to_string()),
        DeValue::Datetime(time) => RawTime::Toml(*time),
        _ => {
            let example = r#"until = "2027-01-01T00:00:00Z""#;
            wrong_type("`until`", "a time", value, example, findings);
            return None;
        }
    };
    Some(Spanned::new(value.span(), time))
}
