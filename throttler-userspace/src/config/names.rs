//! Names of scopes, layers, limits and plans: they go to metrics, tables and map keys, so they stay plain.

use toml::Spanned;

use super::findings::Findings;
use super::suggest::quote;

const LONGEST: usize = 31;

/// Whether `name` is 1..=31 characters of `[a-z0-9_-]` beginning with a letter; if not, says so.
pub(crate) fn check(name: &Spanned<String>, what: &str, findings: &mut Findings) -> bool {
    let text = name.get_ref();
    if is_name(text) {
        return true;
    }
    let mended = mend(text);
    let rule = "a name is 1 to 31 of a-z, 0-9, `_` and `-`, beginning with a letter";
    let help = if is_name(&mended) {
        format!("write `{mended}`; {rule}")
    } else {
        rule.to_owned()
    };
    findings.error(
        name.span(),
        format!("bad {what} name {}", quote(text)),
        help,
    );
    false
}

fn is_name(text: &str) -> bool {
    text.len() <= LONGEST
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

fn mend(text: &str) -> String {
    let plain = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '-') => c,
        _ => '_',
    };
    text.chars().take(LONGEST).map(plain).collect()
}
