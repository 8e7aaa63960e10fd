//! Why the next packet of a source would pass or be dropped, in the datapath's order: exempt, blocked, banned,
//! the limits of the source, the limits of all.

use throttler_common::ban::{Ban, MOMENT_SHIFT, moment};
use throttler_common::class::Kind;

use super::bucket::{Bucket, banned_for};
use super::global::GlobalLevel;
use crate::compile::Clock;

/// A ban that holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) ban: Ban,
    /// The ban is its parent prefix's.
    pub(super) prefix: bool,
}

impl Held {
    /// The source's own ban, or its prefix's.
    pub(super) fn of(own: Ban, prefix: Option<Ban>, now: u64) -> Option<Self> {
        let on = |ban: &Ban| ban.is_on(moment(now));
        let own = Some(own).filter(on).map(|ban| (ban, false));
        let held = own.or(prefix.filter(on).map(|ban| (ban, true)));
        held.map(|(ban, prefix)| Self { ban, prefix })
    }

    /// Its end in wall time, RFC 3339.
    pub(super) fn until(&self, clock: Clock) -> String {
        format!("{:.3}", clock.wall(self.ban.until() << MOMENT_SHIFT))
    }

    /// Nanoseconds that it still lasts.
    pub(super) fn left(&self, now: u64) -> u64 {
        banned_for(self.ban, now)
    }
}

/// What is known of a source in a scope.
pub(super) struct Case<'a> {
    pub(super) bucket: &'a Bucket<'a>,
    pub(super) banned: Option<Held>,
    pub(super) global: &'a [GlobalLevel<'a>],
    /// The `global` limit that refuses.
    pub(super) refused: Option<usize>,
    pub(super) paused: bool,
    pub(super) attached: bool,
}

/// The reason's name, and the same for people.
pub(super) fn reason(case: &Case<'_>, clock: Clock) -> (&'static str, String) {
    let said = |name, text: &str| (name, text.to_owned());
    if !case.attached {
        return said("paused", "the program is not attached to the interface");
    }
    if case.paused {
        return said("paused", "`throttler pause` is in force");
    }
    match case.bucket.word.kind() {
        Kind::Exempt => return said("exempt", "the source is exempt"),
        Kind::Block => return said("blocked", "the source is blocked"),
        Kind::Plan | Kind::Mixed => {}
    }
    if let Some(held) = &case.banned {
        return ("banned", banned(held, clock));
    }
    let plan = case.bucket.names.plan(case.bucket.word.plan());
    let plan = plan.map_or_else(
        || "no plan".to_owned(),
        |plan| format!("plan {}", plan.text),
    );
    if case.bucket.limits.is_empty() && case.global.is_empty() {
        return ("unlimited", format!("{plan}, no limit holds here"));
    }
    let levels = case.bucket.limits.iter();
    let mut levels = levels.map(|limit| (&limit.described, case.bucket.level(limit)));
    if let Some((limit, level)) = levels.find(|(_, level)| level.retry > 0) {
        let text = format!(
            "{plan}, limit {} ({} {}) is used up, {:.1} s until the next",
            limit.name,
            limit.rate,
            limit.unit,
            super::seconds(level.retry)
        );
        return ("over_limit", text);
    }
    if let Some(found) = case.refused.and_then(|index| case.global.get(index)) {
        let text = format!(
            "{plan}, limit global.{} of all sources ({} {}) is used up, {:.1} s until the next",
            found.limit.name,
            found.limit.rate,
            found.limit.unit,
            super::seconds(found.level.retry)
        );
        return ("global_limit", text);
    }
    ("conforming", format!("{plan}, all limits hold"))
}

fn banned(held: &Held, clock: Clock) -> String {
    let whom = if held.prefix {
        "its whole prefix is banned"
    } else {
        "banned"
    };
    let times = match held.ban.times() {
        1 => "once so far".to_owned(),
        times => format!("{times} times so far"),
    };
    format!("{whom} until {} ({times})", held.until(clock))
}
