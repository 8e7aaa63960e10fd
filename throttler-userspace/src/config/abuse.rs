//! `[abuse]`: when the datapath bans, and for how long.

use std::time::Duration;

use throttler_common::abi::PARENT_PREFIX;
use toml::Spanned;

use super::findings::Findings;
use super::grammar::parse_duration;
use super::model::{Abuse, BanAfter, WidenAfter};
use super::raw_abuse::{BAN_AFTER, RawAbuse, RawCount};
use super::settings::{Settings, ranged};
use super::suggest::quote;

/// The datapath counts refusals in 24 bits.
const MOST_REFUSALS: u32 = 1_000_000;
/// As many /64 as a /48 has.
const MOST_SOURCES: u32 = 1 << 16;

pub(crate) fn abuse(raw: &RawAbuse, settings: &Settings, findings: &mut Findings) -> Option<Abuse> {
    if raw.ban_after_key.is_none() && raw.widen_after_key.is_none() {
        findings.warn(
            raw.span.clone(),
            "`[abuse]` has no `ban_after`: refusals ban nobody",
        );
    }
    let ban_after = raw.ban_after.as_ref().and_then(|after| {
        let (refusals, within) = count("refusals", after, (1, MOST_REFUSALS), 100, findings)?;
        Some(BanAfter { refusals, within })
    });
    let widen_after = widen_after(raw, settings, findings);
    let (ban_for, ban_max) = lengths(raw, findings)?;
    Some(Abuse {
        ban_after,
        widen_after,
        ban_for,
        ban_max,
    })
}

fn widen_after(raw: &RawAbuse, settings: &Settings, findings: &mut Findings) -> Option<WidenAfter> {
    if let (Some(key), None) = (&raw.widen_after_key, &raw.ban_after_key) {
        findings.error(
            key.clone(),
            "`widen_after` counts the bans of `ban_after`, and there is none",
            format!("add `{BAN_AFTER}`, or remove `widen_after`"),
        );
        return None;
    }
    let after = raw.widen_after.as_ref()?;
    let (sources, within) = count("sources", after, (2, MOST_SOURCES), 16, findings)?;
    let key = raw.widen_after_key.clone().unwrap_or_default();
    let families = [
        ("IPv4", settings.ipv4_prefix, PARENT_PREFIX[0]),
        ("IPv6", settings.ipv6_prefix, PARENT_PREFIX[1]),
    ];
    for (family, source, parent) in families {
        let bits = u32::from(source.saturating_sub(parent));
        let most = 1_u32.checked_shl(bits).unwrap_or(u32::MAX);
        if most < sources {
            findings.warn(
                key.clone(),
                format!(
                    "`widen_after` never holds for {family}: a /{parent} has fewer than {sources} sources of a /{source} each"
                ),
            );
        }
    }
    Some(WidenAfter { sources, within })
}

fn count(
    key: &str,
    raw: &RawCount,
    bounds: (u32, u32),
    default: u32,
    findings: &mut Findings,
) -> Option<(u32, Duration)> {
    let count = ranged(key, raw.count.as_ref(), bounds, default, findings);
    Some((count, duration(raw.within.as_ref()?, findings)?))
}

/// The first ban and the longest.
fn lengths(raw: &RawAbuse, findings: &mut Findings) -> Option<(Duration, Duration)> {
    let mut given = |found: &Option<Spanned<String>>| {
        let found = found.as_ref()?;
        Some(duration(found, findings))
    };
    let (first, longest) = (given(&raw.ban_for), given(&raw.ban_max));
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
    let ban_for = match (first, longest) {
        (Some(first), _) => first?,
        (None, Some(longest)) => minute.min(longest?),
        (None, None) => minute,
    };
    let ban_max = longest.map_or(Some(hour.max(ban_for)), |longest| longest)?;
    if let (Some(found), Some(first)) = (&raw.ban_max, &raw.ban_for)
        && ban_max < ban_for
    {
        let (max, first) = (quote(found.get_ref()), first.get_ref());
        findings.error(
            found.span(),
            format!("`ban_max` {max} is shorter than `ban_for` {}", quote(first)),
            format!("write at least `ban_max = \"{first}\"`"),
        );
    }
    Some((ban_for, ban_max))
}

fn duration(found: &Spanned<String>, findings: &mut Findings) -> Option<Duration> {
    match parse_duration(found.get_ref()) {
        Ok(duration) => Some(duration),
        Err(error) => {
            findings.error(found.span(), error.message, error.help);
            None
        }
    }
}
