//! Two CPUs at full speed, at times that the test chooses: what is admitted is exact, however their packets interleave.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use throttler_common::Reason;
use throttler_common::ban::MOMENT_SHIFT;

use crate::cpus::{BYTES, count, from, is_exact, of_one_set, on_two_cpus, source};
use crate::harness::{MINUTE, Program, SECOND, START, wall};
use crate::setting::setting;

/// Times at which both CPUs send; in between, both wait.
const ROUNDS: u64 = 10;
/// Reloads while they send, at least.
const RELOADS: u64 = 20;
/// Rules end in steps of 2^28 ns.
const LATE: u64 = 1 << 28;

/// Packets that each CPU sends in all.
fn packets() -> u64 {
    setting("THROTTLER_PACKETS", 200_000)
}

/// Packets that each CPU sends in a round, and the burst: both together send twice what there is.
fn sizes() -> (u32, u64) {
    let each = packets() / ROUNDS;
    (u32::try_from(each).expect("a test run's count"), each)
}

/// A policy of which each source may send `burst` packets a second, in three units.
fn limits(burst: u64) -> String {
    let bytes = burst * BYTES;
    format!(
        "[scopes.default.limits]\n\
         packets = {{ rate = \"{burst}/s\" }}\n\
         volume = {{ rate = \"{bytes}/s\", unit = \"bytes\" }}\n\
         loose = {{ rate = \"{burst}/s\", burst = {} }}\n",
        2 * burst
    )
}

#[test]
fn one_source_over_many_refills() {
    let (each, burst) = sizes();
    let program = Program::new(&limits(burst));
    let frame = from(source(1));
    for round in 0..ROUNDS {
        // Half of the bucket comes back from round to round.
        let now = START + round * SECOND / 2;
        on_two_cpus(|_| program.run_many(now, &frame, each));
        // The rates' rounding may have delayed a packet a round; what has come back in all is exact.
        let most = burst + burst * round / 2;
        is_exact("one source", count(&program, Reason::Conforming), most);
    }
}

#[test]
fn all_sources_of_one_set_of_the_table() {
    let (each, burst) = sizes();
    let burst = burst / 8;
    let program = Program::new(&limits(burst));
    let sources = of_one_set(&program);
    let frames: Vec<_> = sources.iter().map(|source| from(*source)).collect();
    for round in 0..ROUNDS {
        let now = START + round * SECOND / 2;
        on_two_cpus(|cpu| {
            // A few without leaving the kernel, from opposite ends, and then all of them in turn.
            let half = frames.len() / 2;
            for frame in frames.iter().skip(cpu * half).take(half) {
                program.run_many(now, frame, each / 16);
            }
            for turn in 0..each as usize {
                program.run_raw(now, &frames[turn % frames.len()]);
            }
        });
        let most = burst + burst * round / 2;
        for source in &sources {
            let record = program.record(*source, "default").expect("a known source");
            assert!(
                record.passed.packets <= most,
                "{source}: {record:?} in round {round}"
            );
        }
        let all = most * sources.len() as u64;
        is_exact("one set", count(&program, Reason::Conforming), all);
    }
}

#[test]
fn a_limit_of_all_sources_together_with_a_reserved_share() {
    let (each, burst) = sizes();
    let program = Program::new(&format!(
        "[scopes.default]\nprotected = [\"pro\"]\nreserved = \"40%\"\n\
         [scopes.default.limits]\nown = {{ rate = \"{burst}/s\" }}\n\
         [scopes.default.global]\ntotal = {{ rate = \"{burst}/s\" }}\n\
         [plans.pro]\n[[sources]]\nfrom = [\"10.0.0.0/31\"]\nplan = \"pro\"\n"
    ));
    for round in 0..ROUNDS {
        let now = START + round * SECOND / 2;
        // Source 0 and 1 are protected; each CPU has one of either kind.
        on_two_cpus(|cpu| {
            for number in [2 + cpu as u32, cpu as u32] {
                program.run_many(now, &from(source(number)), each / 2);
                program.run_many(now, &from(source(number ^ 1)), each / 2);
            }
        });
        let most = burst + burst * round / 2;
        is_exact("a global limit", count(&program, Reason::Conforming), most);
        let others: u64 = [2, 3]
            .iter()
            .filter_map(|number| program.record(source(*number), "default"))
            .map(|record| record.passed.packets)
            .sum();
        assert!(
            others * 10 <= most * 6,
            "{others} of {most} took of the reserved share"
        );
    }
}

#[test]
fn bans_are_given_at_their_refusal_and_hold() {
    let (each, burst) = sizes();
    let (burst, refusals) = (burst / 8, u64::from(each) / 4);
    let program = Program::new(&format!(
        "[scopes.default.limits]\none = {{ rate = \"{burst}/s\" }}\n\
         [abuse]\nban_after = {{ refusals = {refusals}, within = \"10s\" }}\nban_for = \"1min\"\nban_max = \"1h\"\n"
    ));
    let banned = source(1);
    let frame = from(banned);
    let mut now = START;
    for round in 1..=5 {
        let over = count(&program, Reason::OverLimit);
        on_two_cpus(|_| program.run_many(now, &frame, each));
        // A full burst, and at least so many refusals. A few more: one is not counted where the other CPU counts at the
        // very moment, four times in a row.
        let over = count(&program, Reason::OverLimit) - over;
        assert_eq!(count(&program, Reason::Conforming), round * burst);
        assert!(
            over >= refusals,
            "banned after {over} refusals of {refusals}"
        );
        println!("ban {round}: after {over} refusals of {refusals}");
        assert_eq!(program.stats().bans, round);
        let record = program.record(banned, "default").expect("a known source");
        let end = (record.ban >> 24) << MOMENT_SHIFT;
        assert!(
            end >= now + (MINUTE << (round - 1)),
            "a ban is never shorter"
        );
        // The bucket is full again; the ban holds to its last nanosecond.
        on_two_cpus(|_| program.run_many(end - 1, &frame, each));
        assert_eq!(count(&program, Reason::Conforming), round * burst);
        now = end;
    }
}

#[test]
fn a_class_that_ends_while_both_send() {
    let end = START + 10 * SECOND;
    let (each, burst) = sizes();
    let (each, burst) = (each / 4, burst / 8 * 2);
    let rule = |number: u32, class: &str| {
        let (from, end) = (source(number), wall(end));
        format!("[[sources]]\nfrom = [\"{from}/32\"]\n{class}\nuntil = \"{end}\"\n")
    };
    // `pro` has twice as much, of which a quarter is used: three quarters are left, at most the smaller burst.
    let program = Program::new(&format!(
        "[scopes.default.limits]\none = {{ rate = \"{burst}/366d\" }}\n\
         [plans.pro.default]\none = \"{}/366d\"\n{}{}{}",
        2 * burst,
        rule(1, "block = true"),
        rule(2, "exempt = true"),
        rule(3, "plan = \"pro\"")
    ));
    let passed = |number| {
        let record = program.record(source(number), "default").expect("known");
        record.passed.packets
    };
    on_two_cpus(|_| {
        program.run_many(end - 1, &from(source(1)), each);
        program.run_many(end - 1, &from(source(2)), each);
        program.run_many(end - 1, &from(source(3)), (burst * 3 / 4) as u32);
    });
    let exempt = 2 * u64::from(each);
    assert_eq!(
        [passed(1), passed(2), passed(3)],
        [0, exempt, burst * 3 / 2]
    );
    on_two_cpus(|_| {
        for number in 1..=3 {
            program.run_many(end + LATE, &from(source(number)), each);
        }
    });
    is_exact("a block that ended", passed(1), burst);
    is_exact("an exemption that ended", passed(2) - exempt, burst);
    is_exact("a plan that ended", passed(3) - burst * 3 / 2, burst / 2);
}

/// The same for many sources, whose first packets under their new class come from both CPUs at once.
#[test]
fn a_class_that_ends_is_left_by_both_at_once() {
    const LIMIT: u64 = 20;
    /// A quarter of the table, in which every source has a way.
    const MOST_SOURCES: u32 = 4_000;
    let end = START + 10 * SECOND;
    let program = Program::new(&format!(
        "[scopes.default.limits]\none = {{ rate = \"{LIMIT}/366d\" }}\n\
         [plans.pro.default]\none = \"{}/366d\"\n\
         [[sources]]\nfrom = [\"10.0.0.0/8\"]\nplan = \"pro\"\nuntil = \"{}\"\n",
        2 * LIMIT,
        wall(end)
    ));
    let frames: Vec<_> = (0..(packets() as u32 / 200).min(MOST_SOURCES))
        .map(|number| from(source(number)))
        .collect();
    let together = Barrier::new(2);
    on_two_cpus(|_| {
        for frame in &frames {
            // 30 of 40: 10 are left.
            for _ in 0..15 {
                program.run_raw(end - 1, frame);
            }
            together.wait();
            for _ in 0..LIMIT {
                program.run_raw(end + LATE, frame);
            }
            together.wait();
        }
    });
    for (number, _) in frames.iter().enumerate() {
        let record = program
            .record(source(number as u32), "default")
            .expect("known");
        assert!(record.passed.packets <= 40, "source {number}: {record:?}");
    }
    let most = 40 * frames.len() as u64;
    is_exact(
        "plans that ended",
        count(&program, Reason::Conforming),
        most,
    );
}

/// A packet under way while a reload changes its source's limits is charged by the old ones: one a CPU and reload at
/// most (ARCHITECTURE.md, Limits).
#[test]
fn reloads_while_both_send() {
    let (each, burst) = sizes();
    let policy =
        |period| format!("[scopes.default.limits]\none = {{ rate = \"{burst}/{period}\" }}\n");
    let program = Program::new(&policy("366d"));
    let frame = from(source(1));
    let reloads = AtomicU64::new(0);
    thread::scope(|threads| {
        let senders = threads.spawn(|| {
            on_two_cpus(|_| {
                let mut sent = 0;
                while sent < 4 * ROUNDS || reloads.load(Ordering::Relaxed) < RELOADS {
                    program.run_many(START, &frame, each / 4);
                    sent += 1;
                }
            });
        });
        while !senders.is_finished() {
            let turn = reloads.load(Ordering::Relaxed) % 2;
            program.publish_beside(&policy(["100d", "366d"][turn as usize]));
            reloads.fetch_add(1, Ordering::Relaxed);
            // A bucket that misses two changes begins empty: this one misses none, however long the others were away.
            program.run_raw(START, &frame);
        }
    });
    let reloads = reloads.into_inner();
    let admitted = count(&program, Reason::Conforming);
    println!("{reloads} reloads while both send: {admitted} of {burst} admitted");
    assert!(reloads >= ROUNDS, "{reloads} reloads are too few to tell");
    assert!(
        (burst..=burst + 2 * reloads).contains(&admitted),
        "{admitted} of {burst}"
    );
}
