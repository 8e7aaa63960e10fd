//! The history holds exactly what was refused: while the daemon runs, over its end and its death, and whatever becomes of
//! the disk.

mod bounds;
mod disk;
mod figures;
mod outlives;

use serde_json::Value;
use throttler::history::{Archive, Violation, path};
use throttler_lab::topology::SERVER_IFACE;

use crate::{http::ask, site::Site};

/// Has the daemon write what it has, and gives what it says of its history.
fn flushed(site: &Site) -> Value {
    let answer = ask(site, "GET /v1/history", "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let document = answer.json();
    assert_eq!(document["schema_version"], 1);
    document["interfaces"][0].clone()
}

/// What is in the database.
fn read(site: &Site) -> Vec<Violation> {
    let path = path(&site.daemon.state_dir(), SERVER_IFACE);
    let archive = Archive::open(&path)
        .expect("a database")
        .expect("a history");
    let mut all = Vec::new();
    let between = archive.between(0, i64::MAX, |one| all.push(one));
    between.expect("rows");
    all
}

/// What is in the database once everything is written.
fn kept(site: &Site) -> Vec<Violation> {
    let state = flushed(site);
    assert_eq!(
        (&state["writing"], &state["fault"]),
        (&true.into(), &Value::Null),
        "{state}"
    );
    read(site)
}

/// Sums of what was refused, and dropped under bans; and of bans: packets, bytes, packets, bytes, bans.
fn sums<'a>(rows: impl IntoIterator<Item = &'a Violation>) -> (u64, u64, u64, u64, u64) {
    let mut sums = (0, 0, 0, 0, 0);
    for row in rows {
        sums.0 += row.refused.packets;
        sums.1 += row.refused.bytes;
        sums.2 += row.banned.packets;
        sums.3 += row.banned.bytes;
        sums.4 += row.bans;
    }
    sums
}

/// The rows of a source.
fn of<'a>(rows: &'a [Violation], source: &str) -> Vec<&'a Violation> {
    let source = source.parse().expect("a prefix");
    rows.iter().filter(|row| row.source == source).collect()
}
