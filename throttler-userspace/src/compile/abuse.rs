//! `[abuse]`, for the datapath and for people.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use throttler_common::abi::{AbuseParams, PARENT_PREFIX};
use throttler_common::ban::moments;

use crate::config::Abuse;

/// When refusals ban a source, and for how long. Times are in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbuseDescription {
    /// Refusals that make a ban.
    pub refusals: u32,
    /// The time in which they count.
    pub within_s: u64,
    /// The first ban.
    pub ban_for_s: u64,
    /// The longest.
    pub ban_max_s: u64,
    /// When a whole prefix is banned.
    #[serde(default)]
    pub widen: Option<WidenDescription>,
}

/// When the whole parent prefix of banned sources is banned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WidenDescription {
    /// Its banned sources.
    pub sources: u32,
    /// The time in which they count, in whole seconds.
    pub within_s: u64,
}

/// What the datapath reads; all zero where nothing is banned.
pub(super) fn params(abuse: Option<&Abuse>) -> AbuseParams {
    let Some((abuse, after)) = abuse.and_then(|abuse| Some((abuse, abuse.ban_after?))) else {
        return AbuseParams::default();
    };
    let widen = abuse.widen_after;
    AbuseParams {
        refusals: after.refusals,
        wider_sources: widen.map_or(0, |widen| widen.sources),
        within: in_moments(after.within),
        ban_for: in_moments(abuse.ban_for),
        ban_max: in_moments(abuse.ban_max),
        wider_within: widen.map_or(0, |widen| in_moments(widen.within)),
    }
}

/// At most 366 days, as the policy's checks have it: far below 2^64 ns.
fn in_moments(duration: Duration) -> u64 {
    moments(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// What people read; `None` where nothing is banned.
pub(super) fn describe(abuse: Option<&Abuse>) -> Option<AbuseDescription> {
    let abuse = abuse?;
    let after = abuse.ban_after?;
    Some(AbuseDescription {
        refusals: after.refusals,
        within_s: after.within.as_secs(),
        ban_for_s: abuse.ban_for.as_secs(),
        ban_max_s: abuse.ban_max.as_secs(),
        widen: abuse.widen_after.map(|widen| WidenDescription {
            sources: widen.sources,
            within_s: widen.within.as_secs(),
        }),
    })
}

impl fmt::Display for AbuseDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (within, first) = (period(self.within_s), period(self.ban_for_s));
        let refusals = plural(self.refusals, "refusal");
        write!(f, "{refusals} within {within} ban a source for {first}")?;
        if self.ban_max_s > self.ban_for_s {
            write!(
                f,
                ", twice as long each time up to {}",
                period(self.ban_max_s)
            )?;
        }
        if let Some(widen) = &self.widen {
            let [v4, v6] = PARENT_PREFIX;
            let (sources, within) = (widen.sources, period(widen.within_s));
            write!(
                f,
                "; {sources} sources banned within {within} ban their whole prefix (/{v4}, /{v6})"
            )?;
        }
        Ok(())
    }
}

fn plural(count: u32, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    }
}

/// Seconds as the policy file writes periods: in the largest unit that they are a whole number of.
pub(crate) fn period(seconds: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "d"), (3600, "h"), (60, "min")];
    let whole = UNITS
        .iter()
        .find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    match whole {
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{BanAfter, WidenAfter};

    fn abuse() -> Abuse {
        Abuse {
            ban_after: Some(BanAfter {
                refusals: 100,
                within: Duration::from_secs(10),
            }),
            widen_after: Some(WidenAfter {
                sources: 16,
                within: Duration::from_secs(600),
            }),
            ban_for: Duration::from_secs(60),
            ban_max: Duration::from_secs(5400),
        }
    }

    #[test]
    fn times_are_moments_rounded_up() {
        let params = params(Some(&abuse()));
        let expected = AbuseParams {
            refusals: 100,
            wider_sources: 16,
            // 2^20 ns each.
            within: 9537,
            ban_for: 57_221,
            ban_max: 5_149_842,
            wider_within: 572_205,
        };
        assert_eq!(params, expected);
    }

    #[test]
    fn without_ban_after_nothing_is_banned() {
        let never = Abuse {
            ban_after: None,
            ..abuse()
        };
        assert_eq!(params(Some(&never)), AbuseParams::default());
        assert_eq!(params(None), AbuseParams::default());
        assert_eq!(describe(Some(&never)), None);
        let narrow = Abuse {
            widen_after: None,
            ..abuse()
        };
        let params = params(Some(&narrow));
        assert_eq!((params.wider_sources, params.wider_within), (0, 0));
    }

    #[test]
    fn reads_as_a_sentence() {
        let told = describe(Some(&abuse())).unwrap();
        assert_eq!(
            told.to_string(),
            "100 refusals within 10s ban a source for 1min, twice as long each time up to 90min; \
             16 sources banned within 10min ban their whole prefix (/24, /48)"
        );
        let once = AbuseDescription {
            refusals: 1,
            within_s: 90,
            ban_for_s: 86_400,
            ban_max_s: 86_400,
            widen: None,
        };
        assert_eq!(once.to_string(), "1 refusal within 90s ban a source for 1d");
    }
}
