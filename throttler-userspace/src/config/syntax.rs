//! TOML's own errors, each with a mend.

use super::findings::Findings;

/// Reports the first error of each line: the parser's later ones there follow from it.
pub(crate) fn report(errors: &[toml::de::Error], findings: &mut Findings) {
    let mut reported = None;
    for error in errors {
        let span = error.span().unwrap_or_default();
        let line = findings.file().line(span.start);
        if reported == Some(line) {
            continue;
        }
        reported = Some(line);
        let message = format!("not TOML: {}", error.message());
        findings.error(span, message, mend(error.message()));
    }
}

// By the parser's words; one that it changes falls through to the general advice.
fn mend(message: &str) -> &'static str {
    const MENDS: [(&str, &str); 9] = [
        (
            "duplicate key",
            "keep one of the two, or give it another name",
        ),
        (
            "must be quoted",
            "put text in double quotes: `mode = \"enforce\"`",
        ),
        (
            "invalid boolean",
            "write `true` or `false`; other text goes in double quotes",
        ),
        ("unclosed table", "close the header: `[scopes.api]`"),
        ("unclosed array", "close the array with `]`"),
        ("unclosed inline", "close the table with `}`"),
        ("no value", "write `key = value`"),
        (
            "basic string",
            "close the string with `\"` on the same line",
        ),
        ("date", "write a time such as `2027-01-01T00:00:00Z`"),
    ];
    MENDS
        .iter()
        .find(|(words, _)| message.contains(words))
        .map_or(
            "a line is `key = value`, `[table]` or a `#` comment; text goes in double quotes",
            |(_, mend)| mend,
        )
}
