//! A flood of newcomers displaces nobody who matters.

use throttler_common::Reason;
use throttler_common::abi::SlotRecord;
use throttler_common::ban::Ban;

use super::{from, is_sound, v4};
use crate::contention::totals;
use crate::harness::{MINUTE, Program, START};
use crate::traffic::{passing, syn};

/// A fast limit, of which a bucket is soon full again, and a slow one.
pub(super) const FAST_AND_SLOW: &str = r#"
    [scopes.slow]
    match = [{ protocol = "tcp" }]
    limits = { burst = { rate = "2/day" } }
    [scopes.default.limits]
    burst = { rate = "1000/s", burst = 10 }
    [abuse]
    ban_after = { refusals = 3, within = "10s" }
    ban_for = "1h"
"#;

/// Sends a packet from each of so many sources that never come again, one each 100 us.
fn flood(program: &Program, start: u64, first: u32, sources: u32) -> u64 {
    let mut now = start;
    let mut frame = from(v4(0));
    // The source's address; nothing reads the checksum.
    let at = 14 + 12;
    for number in 0..sources {
        now += 100_000;
        frame[at..at + 4].copy_from_slice(&(first + number).to_be_bytes());
        program.run_raw(now, &frame);
    }
    now
}

#[test]
fn a_flood_displaces_nobody_who_matters() {
    const EACH: u32 = 60;
    let program = Program::sized(FAST_AND_SLOW, 4_096);
    let group = |number: u32, n: u32| v4(100 << 24 | number << 16 | n);
    for n in 0..EACH {
        // In debt, banned, seen twice, seen once.
        assert_eq!(passing(&program, START, &syn(group(0, n), 80), 1), 1);
        assert_eq!(passing(&program, START, &syn(group(1, n), 80), 9), 2);
        assert_eq!(passing(&program, START, &from(group(2, n)), 2), 2);
        assert_eq!(passing(&program, START, &from(group(3, n)), 1), 1);
    }
    let records = |number: u32, scope: &str| -> Vec<Option<SlotRecord>> {
        (0..EACH)
            .map(|n| program.record(group(number, n), scope))
            .collect()
    };
    let before = [
        records(0, "slow"),
        records(1, "slow"),
        records(2, "default"),
    ];
    for record in before.iter().flatten() {
        assert!(record.is_some());
    }
    assert!(
        before[1]
            .iter()
            .flatten()
            .all(|record| Ban(record.ban).times() == 1)
    );
    let now = flood(&program, START + MINUTE, 10 << 24, 300_000);
    let after = [
        records(0, "slow"),
        records(1, "slow"),
        records(2, "default"),
    ];
    assert!(after == before, "{after:?}\n{before:?}");
    let gone = records(3, "default").iter().filter(|r| r.is_none()).count();
    assert!(
        gone > EACH as usize * 9 / 10,
        "{gone} of {EACH} seen once went"
    );
    let totals = totals(&program);
    assert_eq!(totals.get(&Reason::TableFull), None, "{totals:?}");
    assert!(is_sound(&program, now));

    // Five minutes later who was seen twice may go; debts and bans stay.
    assert!(now < START + 2 * MINUTE);
    flood(&program, START + 6 * MINUTE, 20 << 24, 100_000);
    assert_eq!(records(0, "slow"), before[0]);
    assert_eq!(records(1, "slow"), before[1]);
    let gone = records(2, "default").iter().filter(|r| r.is_none()).count();
    assert!(
        gone > EACH as usize * 9 / 10,
        "{gone} of {EACH} seen twice went"
    );
}
