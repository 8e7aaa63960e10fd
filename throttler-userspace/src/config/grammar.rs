//! The small grammars: counts (`1.5M`) and periods (`10s`). They know no file and no place.

use std::time::Duration;

use super::suggest::{nearest, quote};
use super::words::Unit;

/// Why a word of the policy's small grammars (rates, counts, durations, prefixes) is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {help}")]
pub struct GrammarError {
    /// What is wrong, naming the word.
    pub message: String,
    /// The mend.
    pub help: String,
}

impl GrammarError {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            help: help.into(),
        }
    }
}

/// An exact decimal, `mantissa / 10^scale`, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    pub(crate) mantissa: u64,
    pub(crate) scale: u32,
}

/// 10^19 is the largest power of ten in a u64, so deeper fractions could not be scaled back.
const MAX_SCALE: usize = 19;

const SUFFIXES: [(&str, u64); 6] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
];

impl Decimal {
    /// Parses `digits[.digits]`, for bytes possibly followed by k, M, G (powers of 1000) or Ki, Mi, Gi (powers of 1024).
    pub(crate) fn parse(text: &str, unit: Unit) -> Result<Self, GrammarError> {
        let end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        if number.is_empty() {
            return Err(bad_number(text, number));
        }
        let factor = if suffix.is_empty() {
            1
        } else {
            suffix_factor(suffix)?
        };
        let plain = digits(number).ok_or_else(|| bad_number(text, number))?;
        let value = plain.times(factor).ok_or_else(|| too_large(text))?;
        if factor != 1 && unit != Unit::Bytes {
            return Err(GrammarError::new(
                format!("{} has a suffix, and only bytes take one", quote(text)),
                format!(
                    "write `{}`; suffixes need a limit with `unit = \"bytes\"`",
                    value.display()
                ),
            ));
        }
        Ok(value)
    }

    /// The integer part.
    pub(crate) fn floor(self) -> u64 {
        self.mantissa / self.power()
    }

    pub(crate) fn is_whole(self) -> bool {
        self.scale == 0
    }

    fn power(self) -> u64 {
        10_u64.pow(self.scale)
    }

    fn times(self, factor: u64) -> Option<Self> {
        let wide = u128::from(self.mantissa) * u128::from(factor);
        lowest_terms(wide, self.scale)
    }

    pub(crate) fn display(self) -> String {
        if self.is_whole() {
            return self.mantissa.to_string();
        }
        let width = self.scale as usize;
        let fraction = self.mantissa % self.power();
        format!("{}.{fraction:0width$}", self.floor())
    }
}

fn lowest_terms(mut mantissa: u128, mut scale: u32) -> Option<Decimal> {
    while scale > 0 && mantissa.is_multiple_of(10) {
        mantissa /= 10;
        scale -= 1;
    }
    let mantissa = u64::try_from(mantissa).ok()?;
    Some(Decimal { mantissa, scale })
}

// None: not a number at all, or (u64::MAX digits and beyond) too many digits; `bad_number` tells them apart.
fn digits(number: &str) -> Option<Decimal> {
    let (whole, fraction) = match number.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction.trim_end_matches('0')),
        None => (number, ""),
    };
    if whole.is_empty() || fraction.len() > MAX_SCALE {
        return None;
    }
    let mut mantissa: u64 = 0;
    for c in whole.chars().chain(fraction.chars()) {
        let digit = c.to_digit(10)?;
        mantissa = mantissa.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    lowest_terms(u128::from(mantissa), u32::try_from(fraction.len()).ok()?)
}

fn bad_number(text: &str, number: &str) -> GrammarError {
    let well_formed =
        number.split('.').all(|part| !part.is_empty()) && number.split('.').count() <= 2;
    if well_formed {
        return too_large(text);
    }
    GrammarError::new(
        format!("{} is not a number", quote(text)),
        "write digits, with an optional fraction: `10` or `0.5`",
    )
}

fn too_large(text: &str) -> GrammarError {
    GrammarError::new(
        format!("{} has more digits than a count can hold", quote(text)),
        "write fewer digits",
    )
}

fn suffix_factor(suffix: &str) -> Result<u64, GrammarError> {
    if let Some((_, factor)) = SUFFIXES.iter().find(|(name, _)| *name == suffix) {
        return Ok(*factor);
    }
    let help = match suffix {
        "K" | "kB" | "KB" => "write `k` (1000) or `Ki` (1024)",
        "m" | "MB" => "write `M` (1000000) or `Mi` (1048576)",
        "g" | "GB" => "write `G` (1000000000) or `Gi` (1073741824)",
        "KiB" => "write `Ki`",
        "MiB" => "write `Mi`",
        "GiB" => "write `Gi`",
        _ => "a count is digits with an optional fraction; bytes may add k, M, G, Ki, Mi or Gi",
    };
    Err(GrammarError::new(
        format!("unknown suffix {} in a count", quote(suffix)),
        help,
    ))
}

const PERIODS: [(&str, u64); 9] = [
    ("s", 1),
    ("sec", 1),
    ("second", 1),
    ("m", 60),
    ("min", 60),
    ("minute", 60),
    ("h", 3_600),
    ("hour", 3_600),
    ("d", 86_400),
];

/// Parses `min`, `10s` or `2h` into nanoseconds; `number_needed` refuses the bare word.
pub(crate) fn period_ns(text: &str, number_needed: bool) -> Result<u64, GrammarError> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, word) = text.split_at(end);
    let seconds = PERIODS
        .iter()
        .chain(&[("day", 86_400)])
        .find(|(name, _)| *name == word)
        .map(|(_, seconds)| *seconds)
        .ok_or_else(|| bad_period(text, number, word))?;
    if number_needed && number.is_empty() {
        return Err(GrammarError::new(
            format!("duration {} has no number", quote(text)),
            format!("write `1{word}`"),
        ));
    }
    let times = match number {
        "" => Some(1),
        number => number.parse::<u64>().ok(),
    };
    if times == Some(0) {
        return Err(GrammarError::new(
            format!("{} is no time at all", quote(text)),
            format!("write at least `1{word}`"),
        ));
    }
    times
        .and_then(|times| times.checked_mul(seconds)?.checked_mul(1_000_000_000))
        .ok_or_else(|| {
            GrammarError::new(
                format!("{} is longer than 584 years", quote(text)),
                "write a shorter time, such as `366d`",
            )
        })
}

fn bad_period(text: &str, number: &str, word: &str) -> GrammarError {
    let known = "a period is s, sec, second, m, min, minute, h, hour, d or day, or a whole number before one of them (`10s`)";
    let names = PERIODS.iter().map(|(name, _)| *name).chain(["day"]);
    let help = match (word, nearest(word, names)) {
        ("", _) if number.is_empty() => known.to_owned(),
        ("", _) => format!("write `{number}s`; {known}"),
        ("ms" | "us" | "ns", _) => format!("a second is the shortest period; {known}"),
        (_, Some(near)) => format!("did you mean `{number}{near}`? {known}"),
        (_, None) => known.to_owned(),
    };
    GrammarError::new(format!("{} is not a period", quote(text)), help)
}

/// Parses a duration of the policy file and the command line: a whole number and a period, such as `90s` or `1h`.
///
/// # Errors
/// Anything else, zero, and more than 366 days.
pub fn parse_duration(text: &str) -> Result<Duration, GrammarError> {
    let ns = period_ns(text, true)?;
    if ns > super::bounds::LONGEST_NS {
        return Err(GrammarError::new(
            format!("{} is longer than 366 days", quote(text)),
            "write `366d` or less",
        ));
    }
    Ok(Duration::from_nanos(ns))
}
