//! Histories made for tests that read them.

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
        limit: Some("burst".to_owned()),
        unit: Some("connections".to_owned()),
        rate: Some("10/min".to_owned()),
        refused: Tally {
            packets,
            bytes: packets * 60,
        },
        first: begin * 1000 + 250,
        last: begin * 1000 + 59_000,
        wait: Duration::from_millis(6_000),
        ..Violation::none(
            begin,
            source.parse().expect("a prefix"),
            "api",
            "over_limit",
        )
    }
}

/// Keeps a history for an interface.
pub(crate) fn keep(state_dir: &Path, iface: &str, violations: &[Violation]) {
    let mut store = Store::open(&history::path(state_dir, iface)).expect("a history");
    store.add(violations).expect("kept");
}
