//! Rates as a policy writes them, and what they are as fractions.

use std::path::Path;

use throttler::compile::params;
use throttler::config::{self, Rate, Unit};
use throttler_common::abi::LimitParams;

/// Ticks of a nanosecond.
pub(crate) const TICKS: i128 = 64;
pub(crate) const SECOND: i128 = 1_000_000_000;
/// The longest bucket.
pub(crate) const LONGEST: i128 = 366 * 86_400 * SECOND;

/// Periods with their seconds.
pub(crate) const PERIODS: [(&str, i128); 10] = [
    ("s", 1),
    ("7s", 7),
    ("10s", 10),
    ("min", 60),
    ("30min", 1_800),
    ("hour", 3_600),
    ("13h", 46_800),
    ("day", 86_400),
    ("7d", 604_800),
    ("366d", 366 * 86_400),
];

/// `count` units, with so many decimals, in a period: the ticks of a unit are `numerator / denominator`.
#[derive(Clone, Copy)]
pub(crate) struct Exact {
    pub(crate) numerator: i128,
    pub(crate) denominator: i128,
}

impl Exact {
    pub(crate) fn new(count: i128, decimals: u32, seconds: i128) -> Self {
        Self {
            numerator: TICKS * SECOND * seconds * 10_i128.pow(decimals),
            denominator: count,
        }
    }

    /// Whether so many units take no longer than the longest bucket.
    pub(crate) fn fits(self, burst: i128) -> bool {
        burst * self.numerator <= LONGEST * TICKS * self.denominator
    }

    /// Whether it is at most so many a second.
    pub(crate) fn is_at_most(self, most: i128) -> bool {
        self.numerator * most >= TICKS * SECOND * self.denominator
    }
}

/// The text of a rate.
pub(crate) fn text(count: i128, decimals: u32, period: &str) -> String {
    let power = 10_i128.pow(decimals);
    let width = decimals as usize;
    match decimals {
        0 => format!("{count}/{period}"),
        _ => format!("{}.{:0width$}/{period}", count / power, count % power),
    }
}

/// A limit as the datapath gets it, without the rest of a policy around it.
pub(crate) fn direct(text: &str, unit: Unit, burst: u64) -> LimitParams {
    let rate = Rate::parse(text, unit).unwrap_or_else(|error| panic!("{text}: {error}"));
    params(&rate, burst, unit)
}

/// The same by way of a policy file.
///
/// # Errors
/// Why the policy refuses it.
pub(crate) fn by_policy(rate: &str, unit: Unit, burst: Option<u64>) -> Result<LimitParams, String> {
    let burst = burst.map_or(String::new(), |burst| format!(", burst = {burst}"));
    let file =
        format!("[scopes.default.limits]\na = {{ rate = \"{rate}\"{burst}, unit = \"{unit}\" }}\n");
    parsed(&file)
}

/// The first limit of the default scope of a policy.
///
/// # Errors
/// Why the policy is refused.
pub(crate) fn parsed(file: &str) -> Result<LimitParams, String> {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let config =
        config::parse("t.toml", file, Path::new(""), now).map_err(|error| error.to_string())?;
    let scope = &config.scopes[0];
    let limit = scope
        .limits
        .first()
        .or(scope.global.first())
        .expect("a limit");
    Ok(params(&limit.rate, limit.burst, limit.unit))
}
