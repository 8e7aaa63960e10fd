//! Two CPUs in one set.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Barrier, Mutex};

use throttler_common::abi::{TICK_SHIFT, WAYS, region};
use throttler_common::table::{Place, Words as _, header, layout};
use throttler_common::{Reason, Verdict};

use super::flood::FAST_AND_SLOW;
use super::{addr, from, is_sound, v4};
use crate::contention::{on_two_cpus, totals};
use crate::harness::{MINUTE, Program, Rng, SECOND, START};
use crate::traffic::{passing, syn};

const DAY: u64 = 86_400 * SECOND;

/// Sources of which both sets are among these two.
pub(super) fn sharing(program: &Program, sets: [u32; 2], scope: u8, count: usize) -> Vec<IpAddr> {
    let head = &program.tables().sources.head;
    let region = &head.regions[region::SOURCES];
    let sources = (0..1 << 24).map(|n| v4(10 << 24 | n)).filter(|source| {
        let place = Place::of(head, region, &addr(*source), scope);
        place.sets.iter().all(|set| sets.contains(set))
    });
    sources.take(count).collect()
}

#[test]
fn two_cpus_in_one_set_admit_no_source_twice() {
    for (sets, count) in [([5, 5], 8), ([5, 5], 20), ([5, 9], 16), ([5, 9], 40)] {
        let program = Program::sized("[scopes.default.limits]\none = { rate = \"2/day\" }", 128);
        let room = if sets[0] == sets[1] { WAYS } else { 2 * WAYS };
        let sources = sharing(&program, sets, 0, count);
        let frames: Vec<_> = sources.iter().map(|source| from(*source)).collect();
        on_two_cpus(true, |cpu| {
            let mut rng = Rng::new(cpu as u64);
            // One frame a call: for more, the kernel waits for all CPUs twice (kernel/bpf/dispatcher.c).
            for _ in 0..200 * count {
                let frame = &frames[rng.below(count as u64) as usize];
                program.run_raw(START, frame);
                program.run_raw(START, frame);
            }
        });
        assert!(is_sound(&program, START));
        let mut owned = 0;
        let mut passed = 0;
        for source in &sources {
            let Some(record) = program.record(*source, "default") else {
                continue;
            };
            owned += 1;
            passed += record.passed.packets;
            // Charged for two and no more. One packet may have been charged twice: a newcomer tried to take the way just then
            // (ARCHITECTURE.md, "Limits of this version").
            assert_eq!(
                record.tat[0],
                (START + DAY) << TICK_SHIFT,
                "{source} {record:?}"
            );
            let range = 1..=2;
            assert!(
                range.contains(&record.passed.packets),
                "{source} {record:?}"
            );
        }
        let totals = totals(&program);
        // Of two sets, a source may have both choices in the one that is full.
        let least = if sets[0] == sets[1] {
            room
        } else {
            room * 3 / 4
        };
        let owning = least.min(count)..=room.min(count);
        assert!(owning.contains(&owned), "{owned} of {sets:?} {totals:?}");
        let newcomers = program.stats().newcomers;
        assert_eq!(
            totals[&Reason::Conforming],
            passed + newcomers,
            "{totals:?}"
        );
        // Eight a second of all newcomers of a table of 128.
        assert!(newcomers <= 8, "{newcomers}");
        assert_eq!(
            totals.contains_key(&Reason::TableFull),
            owned < count,
            "{totals:?}"
        );
    }
}

#[test]
fn a_set_that_others_hold_all_the_time_is_a_named_and_counted_outcome() {
    let program = Program::sized("[scopes.default.limits]\none = { rate = \"2/day\" }", 4_096);
    let source = v4(10 << 24 | 1);
    let sources = &program.tables().sources;
    let region = &sources.head.regions[region::SOURCES];
    let place = Place::of(&sources.head, region, &addr(source), 0);
    let set = sources.set(place.sets[0]).expect("the source's set");
    set.add(layout::header(0), header::LOCK);
    let answer = program.run(START, &from(source));
    assert_eq!((answer.reason, answer.limit), (Reason::OverLimit, None));
    assert_eq!(program.record(source, "default"), None);
    set.add(layout::header(0), header::LOCK.wrapping_neg());
    assert_eq!(passing(&program, START, &from(source), 3), 2);
    assert!(is_sound(&program, START));
    assert_eq!(program.stats().contended, 1, "{:?}", program.stats());
}

#[test]
fn two_cpus_that_take_ways_over_all_the_time_admit_no_source_twice() {
    const ROUNDS: u64 = 1_500;
    const COUNT: usize = 40;
    for sets in [[5, 5], [5, 9]] {
        // Between two rounds every bucket is full again, and nobody's way is kept for having been seen twice.
        let program = Program::sized("[scopes.default.limits]\none = { rate = \"2/min\" }", 128);
        let room = if sets[0] == sets[1] { WAYS } else { 2 * WAYS };
        let sources = sharing(&program, sets, 0, COUNT);
        let frames: Vec<_> = sources.iter().map(|source| from(*source)).collect();
        let barrier = Barrier::new(2);
        let admitted = Mutex::new(BTreeMap::<u64, [u8; COUNT]>::new());
        on_two_cpus(true, |cpu| {
            let mut rng = Rng::new(77 + cpu as u64);
            for round in 0..ROUNDS {
                let now = START + round * 5 * MINUTE;
                let mut mine = [0_u8; COUNT];
                barrier.wait();
                for _ in 0..COUNT {
                    let number = rng.below(COUNT as u64) as usize;
                    for _ in 0..2 {
                        let [code, ..] = program.run_raw(now, &frames[number]).to_le_bytes();
                        let reason = Reason::from_index(code).expect("a reason");
                        mine[number] += u8::from(reason.verdict() == Verdict::Pass);
                    }
                }
                let mut all = admitted.lock().expect("the tally");
                let tally = all.entry(round).or_insert([0; COUNT]);
                tally
                    .iter_mut()
                    .zip(mine)
                    .for_each(|(sum, one)| *sum += one);
            }
        });
        assert!(is_sound(&program, START + ROUNDS * 5 * MINUTE));
        let (mut total, mut most) = (0, 0);
        for (round, tally) in admitted.into_inner().expect("the tally") {
            for (source, passed) in sources.iter().zip(tally) {
                assert!(passed <= 2, "{source} had {passed} in round {round}");
            }
            let sum: usize = tally.iter().map(|passed| usize::from(*passed)).sum();
            // Two a way, and eight newcomers in all.
            assert!(sum <= 2 * room + 8, "{sum} in round {round}");
            total += sum;
            most = most.max(sum);
        }
        let stats = program.stats();
        println!("{sets:?}: {total} admitted, at most {most} a round, {stats:?}");
        assert!(stats.claimed > ROUNDS * room as u64 / 2, "{stats:?}");
    }
}

#[test]
fn two_cpus_and_a_flood_leave_a_source_in_debt_its_bucket() {
    let program = Program::sized(FAST_AND_SLOW, 128);
    let victims = sharing(&program, [5, 5], 1, 4);
    let newcomers = sharing(&program, [5, 5], 0, 2_000);
    for victim in &victims {
        assert_eq!(passing(&program, START, &syn(*victim, 80), 1), 1);
    }
    // One CPU takes ways all the time; the other charges its sources' last unit in the midst.
    on_two_cpus(true, |cpu| {
        for (turn, source) in newcomers.iter().enumerate() {
            let now = START + SECOND + turn as u64 * SECOND / 100;
            if cpu == 0 {
                program.run_raw(now, &from(*source));
            } else if turn % 100 == 50 {
                program.run_raw(now, &syn(victims[turn / 100 % 4], 80));
            }
        }
    });
    assert!(is_sound(&program, START + 22 * SECOND));
    for victim in &victims {
        let record = program.record(*victim, "slow").expect("a source in debt");
        assert_eq!(record.passed.packets, 2, "{record:?}");
    }
}
