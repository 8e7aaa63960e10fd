//! The shape of `[history]`.

use toml::Spanned;
use toml::de::DeValue;

use super::fields::{Fields, wrong_type};
use super::findings::Findings;

#[derive(Default)]
pub(crate) struct RawHistory {
    pub(crate) enabled: Option<bool>,
    pub(crate) keep: Option<Spanned<String>>,
    pub(crate) max_size: Option<Spanned<String>>,
}

pub(crate) fn history(root: &Fields<'_>, findings: &mut Findings) -> Option<RawHistory> {
    let value = root.get("history")?;
    let table = Fields::open(value, "[history]", "[history]", findings)?;
    table.only(&["enabled", "keep", "max_size"], findings);
    let enabled = table
        .get("enabled")
        .and_then(|value| match value.get_ref() {
            DeValue::Boolean(found) => Some(*found),
            _ => {
                wrong_type("`enabled`", "a boolean", value, "enabled = true", findings);
                None
            }
        });
    Some(RawHistory {
        enabled,
        keep: table.string("keep", r#"keep = "30d""#, findings),
        max_size: table.string("max_size", r#"max_size = "256MB""#, findings),
    })
}
