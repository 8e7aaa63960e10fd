//! The shape of `[abuse]`.

use std::ops::Range;

use toml::Spanned;

use super::fields::{Fields, as_string};
use super::findings::Findings;

pub(crate) const BAN_AFTER: &str = r#"ban_after = { refusals = 100, within = "10s" }"#;
const WIDEN_AFTER: &str = r#"widen_after = { sources = 16, within = "10min" }"#;

#[derive(Default)]
pub(crate) struct RawAbuse {
    pub(crate) span: Range<usize>,
    /// Where the key `ban_after` stands, even if its value is no good.
    pub(crate) ban_after_key: Option<Range<usize>>,
    pub(crate) ban_after: Option<RawCount>,
    pub(crate) widen_after_key: Option<Range<usize>>,
    pub(crate) widen_after: Option<RawCount>,
    pub(crate) ban_for: Option<Spanned<String>>,
    pub(crate) ban_max: Option<Spanned<String>>,
}

/// So many within such a time.
pub(crate) struct RawCount {
    pub(crate) count: Option<Spanned<i128>>,
    pub(crate) within: Option<Spanned<String>>,
}

pub(crate) fn abuse(root: &Fields<'_>, findings: &mut Findings) -> Option<RawAbuse> {
    let value = root.get("abuse")?;
    let table = Fields::open(value, "[abuse]", "[abuse]", findings)?;
    table.only(
        &["ban_after", "widen_after", "ban_for", "ban_max"],
        findings,
    );
    let refusals = ("refusals", "refusals = 100", r#"within = "10s""#);
    let sources = ("sources", "sources = 16", r#"within = "10min""#);
    Some(RawAbuse {
        span: root.key_span("abuse").unwrap_or_default(),
        ban_after_key: table.key_span("ban_after"),
        ban_after: count(&table, "ban_after", BAN_AFTER, refusals, findings),
        widen_after_key: table.key_span("widen_after"),
        widen_after: count(&table, "widen_after", WIDEN_AFTER, sources, findings),
        ban_for: table.string("ban_for", r#"ban_for = "1min""#, findings),
        ban_max: table.string("ban_max", r#"ban_max = "1h""#, findings),
    })
}

fn count(
    parent: &Fields<'_>,
    key: &str,
    example: &str,
    (counted, count_example, within_example): (&str, &str, &str),
    findings: &mut Findings,
) -> Option<RawCount> {
    let table = Fields::open(parent.get(key)?, format!("`{key}`"), example, findings)?;
    table.only(&[counted, "within"], findings);
    table.required(counted, count_example, findings);
    let within = table.required("within", within_example, findings);
    Some(RawCount {
        count: table.integer(counted, count_example, findings),
        within: within.and_then(|v| as_string("`within`", v, within_example, findings)),
    })
}
