//! What is written is read again; what is old goes.

use std::time::Duration;

use throttler_common::abi::Tally;

use super::bounds::{NETWORKS, SOURCES, fold};
use super::{Archive, Baseline, HOUR, MINUTE, Store, Violation};

const DAY: i64 = 24 * HOUR;
/// A whole hour.
const NOW: i64 = 500_000 * HOUR;

fn row(begin: i64, source: &str, packets: u64) -> Violation {
    Violation {
        limit: Some("burst".to_owned()),
        unit: Some("packets".to_owned()),
        rate: Some("1/s".to_owned()),
        refused: Tally {
            packets,
            bytes: packets * 100,
        },
        first: begin * 1_000,
        last: begin * 1_000 + 999,
        wait: Duration::from_millis(5),
        ..Violation::none(
            begin,
            source.parse().expect("a prefix"),
            "api",
            "over_limit",
        )
    }
}

fn numbered(begin: i64, number: u32) -> Violation {
    let [a, b, c, d] = (0x0a00_0000 + number).to_be_bytes();
    row(begin, &format!("{a}.{b}.{c}.{d}/32"), u64::from(number) + 1)
}

struct Kept {
    store: Store,
    directory: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&directory.path().join("a.history.db")).expect("a database");
        Self { store, directory }
    }

    fn tidy(&mut self, now: i64, keep: i64, most: u64) {
        while self.store.tidy(now, keep, most).expect("a step") {}
    }

    fn rows(&self) -> Vec<Violation> {
        let path = self.directory.path().join("a.history.db");
        let archive = Archive::open(&path).expect("a database").expect("one");
        let mut rows = Vec::new();
        let read = archive.between(0, i64::MAX, |one| rows.push(one));
        read.expect("rows");
        rows
    }
}

fn packets(rows: &[Violation]) -> u64 {
    rows.iter().map(|row| row.refused.packets).sum()
}

#[test]
fn what_is_too_old_goes_and_the_rest_stays() {
    let mut kept = Kept::new();
    let old = row(NOW - 8 * DAY, "192.0.2.1/32", 3);
    let young = row(NOW - MINUTE, "192.0.2.1/32", 4);
    kept.store.add(&[old, young.clone()]).expect("rows");
    kept.tidy(NOW, 7 * DAY, u64::MAX);
    assert_eq!(kept.rows(), [young]);
}

#[test]
fn minutes_become_hours_after_two_days() {
    let mut kept = Kept::new();
    let hour = NOW - 3 * DAY;
    let minutes: Vec<_> = (0..60)
        .map(|minute| row(hour + minute * MINUTE, "192.0.2.1/32", 2))
        .collect();
    kept.store.add(&minutes).expect("rows");
    let fresh = row(NOW - HOUR, "192.0.2.1/32", 1);
    kept.store.add(std::slice::from_ref(&fresh)).expect("a row");
    kept.tidy(NOW, 30 * DAY, u64::MAX);
    let rows = kept.rows();
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert_eq!((rows[0].begin, rows[0].width), (hour, 3_600));
    assert_eq!(rows[0].refused.packets, 120);
    assert_eq!(rows[0].first, hour * 1_000);
    assert_eq!(rows[0].last, (hour + 59 * MINUTE) * 1_000 + 999);
    assert_eq!(rows[1], fresh);
    // What is found later of that time goes into the same row.
    kept.store.add(&minutes[7..8]).expect("a row");
    assert_eq!(kept.rows()[0].refused.packets, 122);
}

#[test]
fn the_oldest_goes_when_the_file_is_too_large() {
    let mut kept = Kept::new();
    for minute in 0..60 {
        let begin = NOW - 30 * MINUTE - minute * MINUTE;
        let rows: Vec<_> = (0..1_000).map(|number| numbered(begin, number)).collect();
        kept.store.add(&rows).expect("rows");
    }
    let before = kept.store.extent().expect("an extent");
    let most = before.size / 3;
    kept.tidy(NOW, 30 * DAY, most);
    let after = kept.store.extent().expect("an extent");
    assert!(after.size <= most, "{before:?} {after:?}");
    assert!(after.oldest > before.oldest, "{before:?} {after:?}");
    let newest = kept.rows().iter().map(|row| row.begin).max();
    assert_eq!(newest, Some(NOW - 30 * MINUTE), "the newest stays");
    let path = kept.directory.path().join("a.history.db");
    drop(kept.store);
    let size = std::fs::metadata(path).expect("a file").len();
    assert!(size <= most, "{size} on the disk");
}

#[test]
fn hours_of_a_flood_are_bounded_and_their_sums_exact() {
    let mut kept = Kept::new();
    let hour = NOW - 3 * DAY;
    let mut sum = 0;
    for minute in 0..10 {
        let rows: Vec<_> = (0..2_000)
            .map(|number| numbered(hour + minute * MINUTE, minute as u32 * 2_000 + number))
            .collect();
        sum += packets(&rows);
        kept.store.add(&rows).expect("rows");
    }
    // The hour after is what says that this one is whole.
    let next = numbered(hour + HOUR, 0);
    sum += packets(std::slice::from_ref(&next));
    kept.store.add(&[next]).expect("a row");
    kept.tidy(NOW, 30 * DAY, u64::MAX);
    let rows = kept.rows();
    assert_eq!(packets(&rows), sum);
    let of_hour: Vec<_> = rows.iter().filter(|row| row.begin == hour).collect();
    let single = |row: &&&Violation| row.source.prefix_len() == 32;
    assert_eq!(of_hour.iter().filter(single).count(), SOURCES);
    assert!(of_hour.len() <= SOURCES + NETWORKS + 1);
    // The worst of all have kept theirs.
    let worst = numbered(hour, 19_999).source;
    assert!(of_hour.iter().any(|row| row.source == worst));
}

#[test]
fn baselines_are_those_of_their_table() {
    let mut kept = Kept::new();
    let (who, baseline) = (
        [7; 18],
        Baseline {
            refused: u64::MAX,
            packets: 2,
            bytes: 3,
            ban: 1 << 63,
            at: 5,
        },
    );
    assert!(kept.store.baselines(1, false).expect("none").is_empty());
    kept.store
        .write(&[], &[(who, Some(baseline))])
        .expect("one");
    let same = kept.store.baselines(1, false).expect("one");
    assert_eq!(same, [(who, baseline)]);
    let resized = kept.store.baselines(2, true).expect("one");
    assert_eq!(resized, same);
    assert!(kept.store.baselines(3, false).expect("none").is_empty());
}

#[test]
fn what_is_summed_up_says_how_many_it_stands_for() {
    let rows: Vec<_> = (0..10_000).map(|number| numbered(NOW, number)).collect();
    let sum = packets(&rows);
    let folded = fold(rows);
    assert!(folded.folded);
    assert_eq!(packets(&folded.kept), sum);
    let sources: u64 = folded.kept.iter().map(|row| row.sources).sum();
    assert_eq!(sources, 10_000);
}
