//! Charges, bans and renewals one after another, in orders that CPUs can bring about.

use throttler_common::abi::{AbuseParams, MAX_LIMITS};
use throttler_common::{abuse, ban, charge, gcra};

use crate::host::{Key, Table, addr};
use crate::policy::{Policy, limit};
use crate::source::packet;

const SECOND: u64 = 1_000_000_000;
const A: Key = (0x0a00_0001, 0);

/// Charges the source so many packets, which must be admitted.
fn send(table: &Table, policy: &Policy, packets: usize, now: u64) {
    for _ in 0..packets {
        let way = table.meet(policy, A, now);
        let admitted = charge::admit(&policy.row, &table.way(&way), &packet(addr(A)), &now);
        assert_eq!(admitted, Ok(()));
    }
}

/// Units that the source has left.
fn left(table: &Table, policy: &Policy, now: u64) -> u64 {
    let way = table.way(&table.meet(policy, A, now));
    gcra::remaining(&policy.row.limits[0], way.tat(0), gcra::ticks(now))
}

#[test]
fn what_was_left_is_left_after_a_change() {
    let now = 1_000 * SECOND;
    let old = Policy::new(1, limit(10, 60 * SECOND));
    let new = old.changed(limit(10, SECOND / 1_000));
    let table = Table::new(1, 1);
    send(&table, &old, 6, now);
    assert_eq!(left(&table, &old, now), 4);
    assert_eq!(left(&table, &new, now), 4);
    assert_eq!(left(&table, &new, now), 4, "converted once");
}

#[test]
fn a_charge_taken_back_after_a_change_gives_back_one_unit_at_most() {
    let now = 1_000 * SECOND;
    let old = Policy::new(1, limit(10, 60 * SECOND));
    let new = old.changed(limit(10, SECOND / 1_000));
    let table = Table::new(1, 1);
    send(&table, &old, 6, now);
    let way = table.way(&table.meet(&old, A, now));
    // Another CPU converts the bucket between a charge and its undoing.
    assert_eq!(left(&table, &new, now), 4);
    charge::undo(&old.row, &way, &packet(addr(A)), MAX_LIMITS);
    assert!(left(&table, &new, now) <= 5, "{}", left(&table, &new, now));
}

#[test]
fn a_charge_taken_back_after_a_change_does_not_lock_out() {
    // Half a minute after boot.
    let now = 30 * SECOND;
    let old = Policy::new(1, limit(10, 60 * SECOND));
    let new = old.changed(limit(10, SECOND / 1_000));
    let table = Table::new(1, 1);
    send(&table, &old, 6, now);
    let way = table.way(&table.meet(&old, A, now));
    assert_eq!(left(&table, &new, now), 4);
    charge::undo(&old.row, &way, &packet(addr(A)), MAX_LIMITS);
    let later = now + SECOND;
    assert_eq!(left(&table, &new, later), 10, "the bucket is full by then");
}

#[test]
fn a_packet_of_the_old_generation_leaves_the_new_class_and_bucket() {
    let now = 1_000 * SECOND;
    let mut old = Policy::new(1, limit(10, 60 * SECOND));
    // As the compiler has it where nothing changed since the start.
    old.row.limits[0].changed_ago = 0;
    let new = old.changed(limit(10, 30 * SECOND));
    let table = Table::new(1, 1);
    send(&table, &old, 6, now);
    assert_eq!(left(&table, &new, now), 4);
    // A CPU that read the generation before the change.
    table.meet(&old, A, now);
    assert_eq!(left(&table, &new, now), 4);
}

#[test]
fn a_first_ban_is_fresh_however_young_the_machine() {
    let now = 10 * SECOND;
    let mut policy = Policy::new(1, limit(10, SECOND));
    policy.head.abuse = AbuseParams {
        refusals: 1,
        wider_sources: 2,
        within: ban::moments(60 * SECOND),
        ban_for: ban::moments(60 * SECOND),
        ban_max: ban::moments(3_600 * SECOND),
        wider_within: ban::moments(3_600 * SECOND),
    };
    let table = Table::new(1, 1);
    let way = table.way(&table.meet(&policy, A, now));
    let given = abuse::strike(&policy, &way, ban::moment(now));
    assert!(given.times() == 1 && given.is_fresh());
}
