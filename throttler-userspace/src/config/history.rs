//! `[history]`: how long the daemon keeps what was refused, and how much of it.

use std::time::Duration;

use super::findings::Findings;
use super::grammar::{Decimal, GrammarError, parse_duration};
use super::model::History;
use super::raw_history::RawHistory;
use super::suggest::quote;
use super::words::Unit;

/// A slice of the history is an hour in the end.
const SHORTEST: Duration = Duration::from_secs(3_600);
/// What is kept of the source table's counts, at most, and a flood's worst hour beside it.
const LEAST: u64 = 16_000_000;
/// Far beyond what the bounds on rows can fill.
const MOST: u64 = 1_000_000_000_000;

pub(crate) fn history(raw: Option<&RawHistory>, findings: &mut Findings) -> History {
    let default = History::default();
    let Some(raw) = raw else { return default };
    let keep = raw.keep.as_ref().and_then(|found| {
        let error = match parse_duration(found.get_ref()) {
            Ok(keep) if keep >= SHORTEST => return Some(keep),
            Ok(_) => GrammarError::new(
                format!("`keep` {} is less than an hour", quote(found.get_ref())),
                "write `keep = \"1h\"` or longer; the default is 30d",
            ),
            Err(error) => error,
        };
        findings.error(found.span(), error.message, error.help);
        None
    });
    let max_size = raw.max_size.as_ref().and_then(|found| {
        let error = match bytes(found.get_ref()) {
            Ok(size) if (LEAST..=MOST).contains(&size) => return Some(size),
            Ok(_) => GrammarError::new(
                format!("`max_size` {} is out of range", quote(found.get_ref())),
                "write `16MB` to `1000GB`; the default is 256MB",
            ),
            Err(error) => error,
        };
        findings.error(found.span(), error.message, error.help);
        None
    });
    History {
        enabled: raw.enabled.unwrap_or(default.enabled),
        keep: keep.unwrap_or(default.keep),
        max_size: max_size.unwrap_or(default.max_size),
    }
}

/// A number of bytes: a count as in rates, with or without a `B` behind it.
fn bytes(text: &str) -> Result<u64, GrammarError> {
    let count = Decimal::parse(text.strip_suffix('B').unwrap_or(text), Unit::Bytes)?;
    if count.is_whole() {
        Ok(count.floor())
    } else {
        let message = format!("{} is not a whole number of bytes", quote(text));
        Err(GrammarError::new(message, "write `256MB`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_counts_of_bytes() {
        let good = [
            ("256MB", 256_000_000),
            ("1.5G", 1_500_000_000),
            ("1MiB", 1 << 20),
            ("2000000", 2_000_000),
        ];
        for (text, size) in good {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "B", "MB", "1.5B", "256 MB", "256TB", "-1MB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
