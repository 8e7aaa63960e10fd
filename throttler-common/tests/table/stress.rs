//! Threads of the host on one set. The model in `tests/loom` tries every order of few steps; this is
//! many steps in whatever order the machine takes them.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use throttler_common::Slots;
use throttler_common::abi::Row;

use crate::host::{Key, Table, addr, random};
use crate::model::KEPT;
use crate::policy::{Policy, limit, row};
use crate::source::packet;
use crate::valid::Account;

const UNIT: u64 = 6_000_000_000;
const SOURCES: usize = 12;
/// Many and short: ways change hands at the beginning of each.
const PHASES: u64 = 4_000;
const PACKETS: usize = 24;

/// Two limits, of which the second refuses first: what the first was charged is taken back.
fn limits(burst: u64) -> Row {
    let mut both = row(limit(burst + 1, UNIT));
    both.limits[1] = limit(burst, UNIT);
    both.count = 2;
    both
}

/// Packets admitted, by source, of a phase in which the time stands still.
type Admitted = [AtomicU64; SOURCES];

fn hammer(table: &Table, policy: &Policy, limits: &Row, now: u64, seed: u64, admitted: &Admitted) {
    let mut draw = random(seed);
    for _ in 0..PACKETS {
        let source = draw() as usize % SOURCES;
        let key: Key = (0x0a00_0000 + source as u32, 0);
        let met = table.meet(policy, key, now);
        if met.handle == 0 || met.contended != 0 {
            continue;
        }
        let way = table.way(&met);
        let passed = table
            .at()
            .admit(limits, &way, &packet(addr(key)), &now)
            .is_ok();
        admitted[source].fetch_add(u64::from(passed), Relaxed);
    }
}

/// Nobody uses the table.
fn check(table: &Table, limits: &Row, now: u64, admitted: &Admitted, strays: u64) {
    let account = |(source, admitted): (u32, &AtomicU64)| Account {
        addr: addr((0x0a00_0000 + source, 0)),
        scope: 0,
        admitted: admitted.load(Relaxed),
        strays,
    };
    let accounts: Vec<_> = (0..).zip(admitted).map(account).collect();
    assert!(table.is_valid(limits, now, 0, &accounts), "{accounts:?}");
}

fn stress(threads: u64, burst: u64) {
    let table = Table::new(threads, 1);
    let policy = Policy::new(1, limit(burst, UNIT));
    let limits = limits(burst);
    let phases: Vec<Admitted> = (0..PHASES).map(|_| Default::default()).collect();
    let barrier = Barrier::new(threads as usize);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (table, policy, limits, phases, barrier) =
                (&table, &policy, &limits, &phases, &barrier);
            scope.spawn(move || {
                for (phase, admitted) in phases.iter().enumerate() {
                    // All buckets are full again, and nobody keeps a way for having been seen.
                    let now = (phase as u64 + 2) * 2 * KEPT;
                    let seed = thread << 32 | phase as u64;
                    barrier.wait();
                    hammer(table, policy, limits, now, seed, admitted);
                    if barrier.wait().is_leader() {
                        // What was charged and not taken back, where the lock was held all the time, is on a bucket.
                        check(table, limits, now, admitted, threads * PACKETS as u64);
                    }
                }
            });
        }
    });
    let mut all = 0;
    for (phase, admitted) in phases.iter().enumerate() {
        for (source, admitted) in admitted.iter().map(|a| a.load(Relaxed)).enumerate() {
            assert!(
                admitted <= burst,
                "phase {phase}, source {source}: {admitted}"
            );
            all += admitted;
        }
    }
    assert!(table.holders().len() == 8 && all >= PHASES * 4, "{all}");
}

#[test]
fn two_threads_admit_no_more_than_a_burst() {
    stress(2, 1);
    stress(2, 3);
}

#[test]
fn four_threads_admit_no_more_than_a_burst() {
    stress(4, 1);
    stress(4, 3);
}
