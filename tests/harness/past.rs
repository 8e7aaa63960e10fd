//! A history of a day, made for tests that read one.

use std::{path::Path, time::Duration};

use throttler::history::{self, Store, Violation};
use throttler_common::abi::Tally;

/// Midnight of 2026-11-20, seconds since the epoch.
pub(crate) const BEGIN: i64 = 1_795_132_800;
/// The day, as arguments of `report`.
pub(crate) const DAY: [&str; 4] = [
    "--since",
    "2026-11-20T00:00:00Z",
    "--until",
    "2026-11-21T00:00:00Z",
];

/// What a source was refused by `api`'s `burst` in one minute of the day.
pub(crate) fn violation(source: &str, minute: i64, packets: u64) -> Violation {
    let begin = BEGIN + minute * 60;
    Violation {
        begin,
        width: 60,
        source: source.parse().expect("a prefix"),
        sources: 1,
        scope: "api".to_owned(),
        plan: None,
        limit: Some("burst".to_owned()),
        unit: Some("connections".to_owned()),
        rate: Some("10/min".to_owned()),
        reason: "over_limit".to_owned(),
        monitored: false,
        refused: Tally {
            packets,
            bytes: packets * 60,
        },
        estimated: false,
        banned: Tally::default(),
        bans: 0,
        banned_until: None,
        first: begin * 1000 + 250,
        last: begin * 1000 + 59_000,
        wait: Duration::from_millis(6_000),
    }
}

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
            free("198.51.100.7/32", minute, 1 + height as u64 / 40)
        })
        .collect();
    let mut banned = free("203.0.113.5/32", 500, 120);
    banned.bans = 2;
    banned.banned = Tally {
        packets: 5_000,
        bytes: 300_000,
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

/// Keeps a history for an interface.
pub(crate) fn keep(state_dir: &Path, iface: &str, violations: &[Violation]) {
    let mut store = Store::open(&history::path(state_dir, iface)).expect("a history");
    store.add(violations).expect("kept");
}
