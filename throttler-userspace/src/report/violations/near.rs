//! Who is near a limit with a long period now: read from the maps, as `dump buckets` reads them.

use std::cmp::Reverse;

use serde::Serialize;
use throttler_common::abi::region;
use throttler_common::gcra::ticks;
use throttler_common::table::{Words as _, layout};

use super::ask::Ask;
use super::ladder::unit;
use crate::config::Rate;
use crate::report::attached::Attachment;
use crate::report::bucket::Bucket;
use crate::report::output::seconds;
use crate::report::parallel;
use crate::report::reader::Reader;
use crate::report::sweep::{Spot, sweep};

/// Share of a limit, in per cent of its burst, from which on a source is near it.
const NEAR: u64 = 80;
/// Limits with shorter periods are near at any time.
const SHORTEST_NS: u64 = 3_600 * 1_000_000_000;
/// Those that people are told of without asking.
pub(super) const DAY_S: f64 = 86_400.0;

/// A source near a limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Near {
    pub(super) iface: String,
    pub(super) source: String,
    pub(super) scope: String,
    pub(super) plan: Option<String>,
    pub(super) limit: String,
    pub(super) unit: String,
    pub(super) rate: String,
    pub(super) period_s: f64,
    pub(super) burst: u64,
    pub(super) remaining: u64,
    /// Share of the burst, 0 to 1.
    pub(super) used: f64,
    pub(super) reset_s: f64,
}

/// Sources at or above 80 % of a limit with a period of an hour or more, the nearest first.
pub(super) fn near(attached: &[Attachment], ask: &Ask) -> Vec<Near> {
    let mut all: Vec<Near> = attached.iter().flat_map(|one| of(one, ask)).collect();
    let order = |near: &Near| {
        let share = (near.used * 1e6) as u64;
        (
            Reverse(share),
            near.source.clone(),
            near.scope.clone(),
            near.limit.clone(),
        )
    };
    all.sort_by_cached_key(order);
    all.truncate(ask.top.unwrap_or(usize::MAX));
    all
}

fn of(attached: &Attachment, ask: &Ask) -> Vec<Near> {
    let reader = Reader::new(attached);
    let sources = &attached.tables.sources;
    let now = ticks(reader.now());
    // A bucket that is full by now has nothing used.
    let spots = sweep(sources, |kept: &mut Vec<Spot>, spot, set, way| {
        let is_source = spot.region(&sources.head) < region::PARENTS;
        let mut tats =
            (0..throttler_common::abi::MAX_LIMITS).map(|limit| set.load(layout::tat(way, limit)));
        if is_source && tats.any(|tat| tat > now) {
            kept.push(spot);
        }
    });
    let spots: Vec<Spot> = spots.into_iter().flatten().collect();
    let workers = parallel::workers(spots.len() / 4096);
    let share = spots.len().div_ceil(workers).max(1);
    let found = parallel::each(workers, |worker| {
        let part = spots.chunks(share).nth(worker).unwrap_or_default();
        let buckets = part.iter().filter_map(|spot| reader.bucket_at(*spot));
        let near = buckets.flat_map(|bucket| limits(attached.iface(), &bucket, ask));
        near.collect::<Vec<_>>()
    });
    found.into_iter().flatten().collect()
}

fn limits(iface: &str, bucket: &Bucket<'_>, ask: &Ask) -> Vec<Near> {
    let mut found = Vec::new();
    for limit in bucket.limits {
        let (burst, level) = (limit.described.burst, bucket.level(limit));
        let used = burst.saturating_sub(level.remaining);
        if u128::from(used) * 100 < u128::from(burst) * u128::from(NEAR) {
            continue;
        }
        let rate = unit(&limit.described.unit)
            .and_then(|unit| Rate::parse(&limit.described.rate, unit).ok());
        let Some(period) = rate
            .map(|rate| rate.period_ns())
            .filter(|period| *period >= SHORTEST_NS)
        else {
            continue;
        };
        let mut source = Vec::new();
        bucket.source(&mut source);
        let source = String::from_utf8_lossy(&source).into_owned();
        let scope = &bucket.names.scope(bucket.record.scope).text;
        let plan = bucket.names.plan(bucket.word.plan());
        let plan = plan.map(|plan| plan.text.clone());
        let is_wanted = source
            .parse()
            .is_ok_and(|net| ask.wants(&net, scope, plan.as_deref()));
        if is_wanted {
            found.push(Near {
                iface: iface.to_owned(),
                source,
                scope: scope.clone(),
                plan,
                limit: limit.described.name.clone(),
                unit: limit.described.unit.clone(),
                rate: limit.described.rate.clone(),
                period_s: seconds(period),
                burst,
                remaining: level.remaining,
                used: (used as f64 / burst.max(1) as f64 * 1e4).round() / 1e4,
                reset_s: seconds(level.reset),
            });
        }
    }
    found
}
