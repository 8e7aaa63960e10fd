//! A day with one of each kind of refusal.

use std::time::Duration;

use throttler::history::Violation;
use throttler_common::abi::Tally;

use crate::past::{BEGIN, violation};

/// One of each kind, and a source that is refused all day long, more and more of it towards noon.
pub(crate) fn day() -> Vec<Violation> {
    let free = |source, minute, packets| Violation {
        plan: Some("free".to_owned()),
        ..violation(source, minute, packets)
    };
    let mut all: Vec<Violation> = (0..1440)
        .step_by(7)
        .map(|minute| {
            let height = 720 - i64::abs(720 - minute);
            free("198.51.100.7/32", minute, 1 + height as u64 / 8)
        })
        .collect();
    let mut banned = free("203.0.113.5/32", 500, 120);
    banned.bans = 2;
    banned.banned = Tally {
        packets: 900,
        bytes: 54_000,
    };
    banned.banned_until = Some((BEGIN + 560 * 60) * 1000);
    all.push(banned);
    for minute in 600..640 {
        let mut one = violation("2001:db8:f:99::/64", minute, 30);
        one.scope = "bulk".to_owned();
        one.plan = Some("pro".to_owned());
        one.limit = Some("edge.volume".to_owned());
        one.unit = Some("bytes".to_owned());
        one.rate = Some("1M/min".to_owned());
        one.estimated = true;
        one.monitored = minute < 620;
        all.push(one);
    }
    for minute in (900..930).step_by(3) {
        let mut one = violation("192.0.2.0/24", minute, 80);
        one.sources = 41;
        one.reason = "table_full".to_owned();
        (one.limit, one.unit, one.rate) = (None, None, None);
        all.push(one);
    }
    let mut blocked = violation("192.0.2.66/32", 1_000, 300);
    blocked.reason = "blocked".to_owned();
    (blocked.limit, blocked.unit, blocked.rate) = (None, None, None);
    blocked.wait = Duration::ZERO;
    all.push(blocked);
    let mut global = violation("198.51.100.9/32", 1_100, 77);
    global.reason = "global_limit".to_owned();
    global.limit = Some("global.total".to_owned());
    global.unit = Some("packets".to_owned());
    global.rate = Some("100000/s".to_owned());
    all.push(global);
    all
}
