//! The source table under load: who keeps a place, what happens to those that find none, and two CPUs in one set.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Barrier, Mutex};

use throttler::kernel::tables::Tables;
use throttler_common::abi::{Addr, Set, SlotRecord, WAYS, region};
use throttler_common::ban::Ban;
use throttler_common::notice::Kind;
use throttler_common::table::{Place, Words as _, header, layout};
use throttler_common::{Reason, Verdict};

use crate::contention::{on_two_cpus, totals};
use crate::harness::{MINUTE, Program, Rng, SECOND, START};
use crate::traffic::{passing, syn, udp};

fn v4(bits: u32) -> IpAddr {
    Ipv4Addr::from_bits(bits).into()
}

/// Source `host` of the /24 (/48) with this number.
fn of_prefix(family: usize, prefix: u32, host: u32) -> IpAddr {
    if family == 0 {
        v4(10 << 24 | prefix << 8 | host)
    } else {
        let bits = 0x2001_0db8_u128 << 96 | u128::from(prefix) << 80 | u128::from(host) << 64 | 1;
        Ipv6Addr::from_bits(bits).into()
    }
}

fn addr(source: IpAddr) -> Addr {
    match source {
        IpAddr::V4(v4) => Addr::from_v4(v4.octets()),
        IpAddr::V6(v6) => Addr::from_bytes(v6.octets()).masked(Addr::mask(64)),
    }
}

fn from(source: IpAddr) -> Vec<u8> {
    udp(source, 53, 10)
}

fn reason(program: &Program, now: u64, source: IpAddr) -> Reason {
    program.run(now, &from(source)).reason
}

/// No lock is left, and no source has two ways.
fn is_sound(program: &Program) {
    let sources = &program.tables().sources;
    for region in sources.head.regions {
        for index in region.first..region.first + region.sets {
            let set = sources.set(index).expect("a set of the table");
            for way in 0..WAYS {
                let header = set.load(layout::header(way));
                assert_eq!(
                    header & header::LOCK,
                    0,
                    "set {index} way {way}: {header:#x}"
                );
            }
        }
    }
    for family in 0..2 {
        let mut seen = BTreeSet::new();
        sources.for_each(family, |record| {
            assert!(
                seen.insert((record.addr, record.scope)),
                "twice: {record:?}"
            );
        });
        let mut seen = BTreeSet::new();
        sources.for_each_parent(family, |record| {
            assert!(
                seen.insert((record.addr, record.scope)),
                "twice: {record:?}"
            );
        });
    }
}

#[test]
fn a_source_takes_128_bytes() {
    assert_eq!(size_of::<Set>() / WAYS, 128);
    let program = Program::sized("", 4_096);
    assert_eq!(program.tables().sources.capacity(), 4_096);
}

#[test]
fn each_table_draws_its_own_seed_and_keeps_it() {
    let (mut one, other) = (Program::new(""), Program::new(""));
    let seed = one.tables().sources.head.seed;
    assert_ne!(seed, other.tables().sources.head.seed);
    let mut words: Vec<_> = seed.into();
    words.sort_unstable();
    words.dedup();
    assert!(
        words.len() == 7 && words.iter().all(|word| *word > 1 << 32),
        "{seed:x?}"
    );
    one.publish("[scopes.default.limits]\none = { rate = \"1/s\" }");
    one.production();
    let pinned = Tables::head(&one.pins().dir).expect("the pinned head");
    assert_eq!(pinned.seed, seed);
}

/// A fast limit, of which a bucket is soon full again, and a slow one.
const FAST_AND_SLOW: &str = r#"
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
    is_sound(&program);

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

const SLOW: &str = r#"
    [scopes.default.limits]
    burst = { rate = "3/day" }
    [plans.enterprise]
    default = "unlimited"
    [[sources]]
    from = ["192.0.2.1/32", "2001:db8:ff:1::/64"]
    exempt = true
    [[sources]]
    from = ["192.0.2.2/32", "2001:db8:ff:2::/64"]
    block = true
    [[sources]]
    from = ["192.0.2.3/32", "2001:db8:ff:3::/64"]
    plan = "enterprise"
"#;

#[test]
fn newcomers_of_a_full_table_share_what_their_prefix_has() {
    const PREFIXES: u32 = 16;
    for family in 0..2 {
        let program = Program::sized(SLOW, 1_024);
        let (mut admitted, mut refused) = (BTreeMap::<u32, u64>::new(), 0);
        let (mut known, mut packets) = (Vec::new(), 0);
        for host in 0..250 {
            for prefix in 0..PREFIXES {
                let source = of_prefix(family, prefix, host);
                let reason = reason(&program, START, source);
                packets += 1;
                let has_way = program
                    .tables()
                    .sources
                    .get(family, &addr(source), 0)
                    .is_some();
                match (has_way, reason) {
                    (true, Reason::Conforming) => known.push(source),
                    (false, Reason::Conforming) => *admitted.entry(prefix).or_default() += 1,
                    (false, Reason::TableFull) => refused += 1,
                    other => panic!("{source}: {other:?}"),
                }
            }
        }
        let passed: u64 = admitted.values().sum();
        assert_eq!(known.len() as u64 + passed + refused, packets);
        assert_eq!(known.len() as u64, program.tables().sources.count(family));
        assert!(known.len() >= 1_000, "{}", known.len());
        // Sixteen prefixes, of which each may send a burst: less than all newcomers may.
        assert_eq!(admitted, (0..PREFIXES).map(|prefix| (prefix, 3)).collect());
        for prefix in 0..PREFIXES {
            let parent = addr(of_prefix(family, prefix, 0));
            let parent = program
                .tables()
                .sources
                .parent(family, &parent, 0)
                .expect("a prefix");
            assert_eq!(parent.passed.packets, 3);
            let day = 86_400 * SECOND * 64;
            assert_eq!(parent.tat[0], START * 64 + day);
        }
        let newcomers = program.tables().sources.newcomers(family);
        assert_eq!(newcomers.passed.packets, passed);
        assert_eq!(newcomers.dropped.packets, refused);
        assert_eq!(program.stats().newcomers, passed);
        assert_eq!(totals(&program)[&Reason::TableFull], refused);
        // Known sources go on.
        for source in &known {
            let reasons = [0; 3].map(|_| reason(&program, START, *source));
            assert_eq!(
                reasons,
                [Reason::Conforming, Reason::Conforming, Reason::OverLimit]
            );
        }
        // Who is not held to limits needs no room.
        let expected = [Reason::Exempt, Reason::Blocked, Reason::Unlimited];
        for (n, expected) in (1..).zip(expected) {
            let source = if family == 0 {
                v4(0xc000_0200 + n)
            } else {
                of_prefix(1, 0xff, n)
            };
            assert_eq!(reason(&program, START, source), expected, "{source}");
        }
        is_sound(&program);
    }
}

#[test]
fn newcomers_in_all_are_held_to_a_rate() {
    let program = Program::sized(SLOW, 1_024);
    for n in 0..4_096 {
        reason(&program, START, of_prefix(0, n >> 8, n & 0xff));
    }
    // A sixteenth of the table a second, whatever the number of prefixes.
    let mut now = START;
    for second in 1..5 {
        now += SECOND;
        let before = program.stats().newcomers;
        let mut full = 0;
        for prefix in 0..300 {
            let source = of_prefix(0, second * 1_000 + prefix, 1);
            full += u32::from(reason(&program, now, source) == Reason::TableFull);
        }
        let admitted = program.stats().newcomers - before;
        assert!(admitted <= 64 && full > 0, "{admitted} in second {second}");
        assert!(
            second == 1 || admitted >= 60,
            "{admitted} in second {second}"
        );
    }
}

#[test]
fn pressure_is_told_of_once_a_second() {
    let program = Program::sized(SLOW, 1_024);
    for n in 0..4_096 {
        reason(&program, START, of_prefix(0, n >> 8, n & 0xff));
        if n % 512 == 0 {
            program.events();
        }
    }
    let mut events = program.events();
    let mut now = START;
    for n in 0..1_000 {
        now += 20_000_000;
        reason(&program, now, of_prefix(0, n % 16, 250 + n % 3));
        if n % 100 == 0 {
            events.extend(program.events());
        }
    }
    events.extend(program.events());
    let pressure: Vec<_> = events
        .iter()
        .filter(|e| e.kind == Kind::Pressure as u8)
        .collect();
    assert!((18..=21).contains(&pressure.len()), "{}", pressure.len());
    for pair in pressure.windows(2) {
        assert!(pair[1].at >= pair[0].at + SECOND);
        assert_eq!(
            pair[1].refused_total,
            pair[0].refused_total + u64::from(pair[1].refused)
        );
    }
    let last = pressure.last().expect("pressure");
    let full = totals(&program)[&Reason::TableFull];
    assert_eq!((last.reason, last.monitored), (Reason::TableFull as u8, 0));
    assert!(
        last.refused_total <= full && last.refused_total + 60 > full,
        "{last:?} of {full}"
    );
}

#[test]
fn monitor_mode_drops_no_newcomer() {
    let program = Program::sized(&format!("[throttler]\nmode = \"monitor\"\n{SLOW}"), 1_024);
    for n in 0..4_096 {
        let reason = reason(&program, START, of_prefix(0, n >> 8, n & 0xff));
        assert!(
            matches!(reason, Reason::Conforming | Reason::Monitored),
            "{reason}"
        );
    }
    assert!(totals(&program)[&Reason::Monitored] > 2_500);
    let told: Vec<_> = program
        .events()
        .iter()
        .map(|e| (e.kind, e.reason, e.monitored))
        .collect();
    assert_eq!(told, [(Kind::Pressure as u8, Reason::TableFull as u8, 1)]);
}

#[test]
fn a_table_that_is_nearly_full_has_room_for_nearly_all() {
    let program = Program::sized("[scopes.default.limits]\none = { rate = \"1/day\" }", 4_096);
    let sources = 4_096 * 95 / 100;
    for n in 0..sources {
        assert_eq!(
            passing(&program, START, &from(v4(10 << 24 | n << 8 | 1)), 1),
            1
        );
    }
    let kept = program.tables().sources.count(0);
    println!("{kept} of {sources} sources have a way of their own");
    assert!(kept * 100 >= u64::from(sources) * 96, "{kept} of {sources}");
}

/// Sources of which both sets are among these two.
fn sharing(program: &Program, sets: [u32; 2], scope: u8, count: usize) -> Vec<IpAddr> {
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
        is_sound(&program);
        let mut owned = 0;
        let mut passed = 0;
        for source in &sources {
            let Some(record) = program.record(*source, "default") else {
                continue;
            };
            owned += 1;
            passed += record.passed.packets;
            assert_eq!(record.passed.packets, 2, "{source} {record:?}");
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
    is_sound(&program);
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
        is_sound(&program);
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
    is_sound(&program);
    for victim in &victims {
        let record = program.record(*victim, "slow").expect("a source in debt");
        assert_eq!(record.passed.packets, 2, "{record:?}");
    }
}
