//! How a source stands as HTTP response header fields, for an application to copy into its answer.
//!
//! `RateLimit-Policy` and `RateLimit` follow draft-ietf-httpapi-ratelimit-headers-11: lists of structured fields (RFC 9651),
//! an item a limit, named by a string. What the draft leaves open is decided here:
//!
//! - `q` is the burst and `w` the time in which the whole bucket refills: together they are the limit's rate.
//! - `t` is the time until the bucket is full, and of a limit that is used up the time until its next unit, so that it
//!   never lies beyond `Retry-After` for the limit that has the client wait.
//! - `qu` stands with limits of bytes alone, as `"bytes"`: the draft's `content-bytes` are those of messages, these are of
//!   packets with their heads. Packets and connections are left in the default unit.
//! - `pk` is left out: it would be the client's own address.
//! - `X-RateLimit-*` is of the tightest limit: the least share of its burst is left there, and of several such the longest
//!   wait, then the latest to be full. `Reset` is in seconds from now, until the bucket is full.
//! - `Retry-After` (RFC 9110, section 10.2.3) is there only where the next unit is refused, at least 1.

use super::bucket::Level;
use super::digits::number;
use super::names::json;

/// The largest integer of a structured field (RFC 9651, section 3.3.1).
const LARGEST: u64 = 999_999_999_999_999;
const SECOND: u64 = 1_000_000_000;

/// A limit as the fields name it.
#[derive(Debug)]
pub(super) struct Quota {
    /// Its string, as it stands in JSON.
    name: String,
    /// Its item of `RateLimit-Policy`, as it stands in JSON.
    policy: String,
    burst: u64,
}

impl Quota {
    /// `window` is in nanoseconds.
    pub(super) fn of(name: &str, unit: &str, burst: u64, window: u64) -> Self {
        let burst = burst.min(LARGEST);
        let string = string(name);
        let unit = match unit {
            "bytes" => ";qu=\"bytes\"",
            _ => "",
        };
        let policy = format!("{string};q={burst};w={}{unit}", seconds(window));
        Self {
            name: within_json(&string),
            policy: within_json(&policy),
            burst,
        }
    }

    /// Whole units that are left, never more than `q`.
    fn left(&self, level: Level) -> u64 {
        level.remaining.min(self.burst)
    }
}

/// Writes the fields as a JSON object: of limits as they stand, and of the nanoseconds until the next unit passes, where it
/// would be refused now.
pub(super) fn write(out: &mut Vec<u8>, limits: &[(&Quota, Level)], wait: Option<u64>) {
    let text = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
    text(out, "{");
    if let Some((tightest, level)) = tightest(limits) {
        text(out, "\"RateLimit-Policy\":\"");
        for (index, (quota, _)) in limits.iter().enumerate() {
            text(out, if index > 0 { ", " } else { "" });
            text(out, &quota.policy);
        }
        text(out, "\",\"RateLimit\":\"");
        for (index, (quota, level)) in limits.iter().enumerate() {
            text(out, if index > 0 { ", " } else { "" });
            text(out, &quota.name);
            text(out, ";r=");
            number(out, quota.left(*level));
            text(out, ";t=");
            number(out, seconds(effective(*level)));
        }
        text(out, "\",\"X-RateLimit-Limit\":\"");
        number(out, tightest.burst);
        text(out, "\",\"X-RateLimit-Remaining\":\"");
        number(out, tightest.left(*level));
        text(out, "\",\"X-RateLimit-Reset\":\"");
        number(out, seconds(level.reset));
        text(out, "\"");
    }
    if let Some(wait) = wait {
        text(out, if limits.is_empty() { "" } else { "," });
        text(out, "\"Retry-After\":\"");
        number(out, seconds(wait).max(1));
        text(out, "\"");
    }
    text(out, "}");
}

/// Nanoseconds for which what is left is all there is.
fn effective(level: Level) -> u64 {
    match level.retry {
        0 => level.reset,
        retry => retry,
    }
}

fn tightest<'a, 'b>(limits: &'a [(&'b Quota, Level)]) -> Option<&'a (&'b Quota, Level)> {
    limits.iter().reduce(|best, one| {
        let share = |(quota, level): &(&Quota, Level), of: &(&Quota, Level)| {
            u128::from(quota.left(*level)) * u128::from(of.0.burst)
        };
        let waits = |(_, level): &(&Quota, Level)| (level.retry, level.reset);
        // left / burst of the one and of the other, without a division.
        let tighter = share(one, best)
            .cmp(&share(best, one))
            .then_with(|| waits(best).cmp(&waits(one)));
        if tighter.is_lt() { one } else { best }
    })
}

/// Seconds, rounded up, as far as a structured field counts.
fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(SECOND).min(LARGEST)
}

/// A string of a structured field (RFC 9651, section 4.1.6). What it cannot have in it, no name of a policy has either.
fn string(text: &str) -> String {
    let mut string = String::with_capacity(text.len() + 2);
    string.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            ' '..='~' => string.push(c),
            _ => string.push('?'),
        }
    }
    string.push('"');
    string
}

/// As it stands between the quotes of a JSON string.
fn within_json(text: &str) -> String {
    let quoted = json(text);
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};
    use sfv::{BareItem, List, ListEntry, Parser};

    use super::*;

    const MINUTE: u64 = 60 * SECOND;

    fn level(remaining: u64, reset: u64, retry: u64) -> Level {
        Level {
            remaining,
            reset,
            retry,
        }
    }

    fn written(limits: &[(&Quota, Level)], wait: Option<u64>) -> Map<String, Value> {
        let mut out = Vec::new();
        write(&mut out, limits, wait);
        serde_json::from_slice(&out).expect("a JSON object")
    }

    /// Name and parameters of every item, as a parser of structured fields reads them.
    fn items(field: &Value) -> Vec<(String, Vec<(String, BareItem)>)> {
        let field = field.as_str().expect("a string");
        let list: List = Parser::new(field)
            .parse()
            .unwrap_or_else(|error| panic!("{field}: {error}"));
        list.into_iter()
            .map(|entry| {
                let ListEntry::Item(item) = entry else {
                    panic!("{field}: an inner list")
                };
                let name = item.bare_item.as_string().expect("a string").as_str();
                let params = item
                    .params
                    .into_iter()
                    .map(|(key, value)| (key.to_string(), value));
                (name.to_owned(), params.collect())
            })
            .collect()
    }

    fn integer(params: &[(String, BareItem)], key: &str) -> u64 {
        let (_, value) = params
            .iter()
            .find(|(found, _)| found == key)
            .expect("the parameter");
        let value = value.as_integer().expect("an integer");
        i64::from(value).try_into().expect("it is not negative")
    }

    #[test]
    fn two_limits_as_the_draft_has_them() {
        let burst = Quota::of("burst", "connections", 10, MINUTE);
        let sustained = Quota::of("sustained", "connections", 100, 60 * MINUTE);
        let limits = [
            (&burst, level(3, 41_800_000_000, 0)),
            (&sustained, level(93, 252 * SECOND, 0)),
        ];
        let expected = serde_json::json!({
            "RateLimit-Policy": "\"burst\";q=10;w=60, \"sustained\";q=100;w=3600",
            "RateLimit": "\"burst\";r=3;t=42, \"sustained\";r=93;t=252",
            "X-RateLimit-Limit": "10",
            "X-RateLimit-Remaining": "3",
            "X-RateLimit-Reset": "42",
        });
        assert_eq!(Value::from(written(&limits, None)), expected);
    }

    #[test]
    fn what_is_used_up_says_when_the_next_one_passes() {
        let burst = Quota::of("burst", "packets", 10, MINUTE);
        let limits = [(&burst, level(0, 59_000_000_001, 5_000_000_001))];
        let fields = written(&limits, Some(5_000_000_001));
        assert_eq!(fields["RateLimit"], "\"burst\";r=0;t=6");
        assert_eq!(fields["Retry-After"], "6");
        assert_eq!(fields["X-RateLimit-Reset"], "60");
    }

    #[test]
    fn nothing_limited_is_no_field_and_a_ban_alone_is_one() {
        assert!(written(&[], None).is_empty());
        let fields = written(&[], Some(1));
        assert_eq!(fields.len(), 1);
        assert_eq!(fields["Retry-After"], "1");
        // A wait that is over as it is written is a second still: 0 would have the client come back at once.
        assert_eq!(written(&[], Some(0))["Retry-After"], "1");
    }

    #[test]
    fn the_tightest_is_the_least_share_then_the_longest_wait() {
        let small = Quota::of("small", "packets", 2, SECOND);
        let large = Quota::of("large", "packets", 1_000, MINUTE);
        let of = |limits: &[(&Quota, Level)]| written(limits, None)["X-RateLimit-Limit"].clone();
        // One of two is more than 400 of a thousand.
        assert_eq!(
            of(&[(&small, level(1, 1, 0)), (&large, level(400, 1, 0))]),
            "1000"
        );
        assert_eq!(
            of(&[(&small, level(1, 1, 0)), (&large, level(600, 1, 0))]),
            "2"
        );
        // Both are used up.
        assert_eq!(
            of(&[(&small, level(0, 9, 1)), (&large, level(0, 5, 2))]),
            "1000"
        );
        assert_eq!(
            of(&[(&small, level(0, 9, 2)), (&large, level(0, 5, 1))]),
            "2"
        );
        // Both are full: the first.
        assert_eq!(
            of(&[(&small, level(2, 0, 0)), (&large, level(1_000, 0, 0))]),
            "2"
        );
    }

    #[test]
    fn bytes_have_their_unit_and_nothing_is_beyond_a_structured_field() {
        let volume = Quota::of("volume", "bytes", u64::MAX, u64::MAX);
        let fields = written(&[(&volume, level(u64::MAX, u64::MAX, 0))], None);
        let (name, params) = items(&fields["RateLimit-Policy"]).remove(0);
        assert_eq!((name.as_str(), integer(&params, "q")), ("volume", LARGEST));
        let unit = params.iter().find(|(key, _)| key == "qu").expect("a unit");
        assert_eq!(unit.1.as_string().map(|text| text.as_str()), Some("bytes"));
        let (_, params) = items(&fields["RateLimit"]).remove(0);
        assert_eq!(integer(&params, "r"), LARGEST);
    }

    #[test]
    fn a_window_below_a_second_is_a_second() {
        let quick = Quota::of("quick", "packets", 100, 100_000);
        assert_eq!(
            written(&[(&quick, level(100, 0, 0))], None)["RateLimit-Policy"],
            "\"quick\";q=100;w=1"
        );
    }

    proptest! {
        #[test]
        fn whatever_stands_is_a_list_that_a_parser_reads(
            name in "\\PC{0,12}|[ -~]{1,12}",
            burst in 1..u64::MAX,
            window in 1..u64::MAX,
            remaining: u64,
            reset: u64,
            retry in prop::option::of(1..u64::MAX),
            shift in 0u32..64,
        ) {
            let (burst, remaining) = ((burst >> shift).max(1), remaining >> shift);
            let quota = Quota::of(&name, "bytes", burst, window);
            let stands = level(remaining, reset, retry.unwrap_or(0));
            let fields = written(&[(&quota, stands), (&quota, stands)], retry);
            let policies = items(&fields["RateLimit-Policy"]);
            let limits = items(&fields["RateLimit"]);
            prop_assert_eq!((policies.len(), limits.len()), (2, 2));
            let printable = name.chars().all(|c| matches!(c, ' '..='~'));
            prop_assert!(!printable || policies[0].0 == name);
            prop_assert_eq!(&policies[0].0, &limits[0].0);
            let (q, r) = (integer(&policies[0].1, "q"), integer(&limits[0].1, "r"));
            prop_assert!(r <= q && q <= burst);
            prop_assert!(integer(&policies[0].1, "w") >= 1);
            let whole = integer(&limits[0].1, "t");
            prop_assert!(u128::from(whole) * u128::from(SECOND) >= u128::from(retry.unwrap_or(reset)));
            let waits = fields.get("Retry-After").map(|text| text.as_str().and_then(|text| text.parse::<u64>().ok()));
            prop_assert_eq!(waits, retry.map(|_| Some(whole)));
        }
    }
}
