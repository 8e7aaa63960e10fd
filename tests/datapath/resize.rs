//! A table of another size takes over from the one before: nobody's bucket, ban or tally is lost on the way.

use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd as _;

use throttler::kernel::load::{Loaded, Reuse};
use throttler::kernel::resize::Resize;
use throttler::kernel::sys;
use throttler::kernel::tables::Tables;
use throttler_common::Reason;
use throttler_common::abi::SlotRecord;
use throttler_common::ban::{Ban, moment};

use crate::harness::{Program, SECOND, START};
use crate::traffic::{passing, syn, udp};

const DAY: u64 = 86_400 * SECOND;
const EACH: u32 = 400;

const POLICY: &str = r#"
    [scopes.web]
    match = [{ protocol = "tcp" }]
    protected = ["pro"]
    reserved = "25%"
    [scopes.web.limits]
    own = { rate = "10/day" }
    volume = { rate = "1M/day", unit = "bytes" }
    [scopes.web.global]
    total = { rate = "100000/day" }
    [scopes.default.limits]
    own = { rate = "2/day" }
    [abuse]
    ban_after = { refusals = 3, within = "10s" }
    ban_for = "1h"
    widen_after = { sources = 3, within = "10min" }
    [plans.pro]
    [[sources]]
    from = ["198.51.100.0/24"]
    plan = "pro"
"#;

/// A resize compares arrival times with the kernel's clock, so that a test's time must not lie before it.
fn start() -> u64 {
    START.max(sys::monotonic_ns() + 10 * SECOND)
}

fn v4(number: u32) -> IpAddr {
    // A prefix each: bans of prefixes are another matter.
    Ipv4Addr::from_bits(10 << 24 | number << 8 | 1).into()
}

fn v6(number: u32) -> IpAddr {
    Ipv6Addr::from_bits(0x2001_0db8_u128 << 96 | u128::from(number) << 80 | 1).into()
}

fn sources() -> impl Iterator<Item = IpAddr> {
    (0..EACH).flat_map(|n| [v4(n), v6(n)])
}

/// Loads with another size; what is left to do once the new program has taken over.
fn resized(program: &Program, max_sources: u32) -> (Loaded, Resize) {
    let mut loaded = program.load_again(max_sources);
    match mem::replace(&mut loaded.reuse, Reuse::Fresh) {
        Reuse::Resized(resize) => (loaded, *resize),
        other => panic!("{other:?}"),
    }
}

/// Some in debt, some banned, one protected, and a banned prefix.
fn used(program: &Program, now: u64) {
    for (n, source) in sources().enumerate() {
        assert_eq!(passing(program, now, &syn(source, 80), n % 7), n % 7);
        if n % 5 == 0 {
            assert_eq!(passing(program, now, &udp(source, 53, 10), 9), 2);
        }
    }
    assert_eq!(
        passing(
            program,
            now,
            &syn("198.51.100.9".parse().expect("an address"), 80),
            5
        ),
        5
    );
    for host in 1..4 {
        let source = Ipv4Addr::new(192, 0, 2, host).into();
        assert_eq!(passing(program, now, &udp(source, 53, 10), 9), 2);
    }
}

fn near() -> Vec<u8> {
    udp("192.0.2.200".parse().expect("an address"), 53, 10)
}

fn records(program: &Program) -> Vec<(IpAddr, &'static str, Option<SlotRecord>)> {
    let pairs = sources().flat_map(|source| [(source, "web"), (source, "default")]);
    pairs
        .map(|(source, scope)| (source, scope, program.record(source, scope)))
        .collect()
}

fn globals(program: &Program) -> Vec<SlotRecord> {
    let sources = &program.tables().sources;
    let mut records = Vec::new();
    for scope in 0..4 {
        records.extend([0, 1].map(|share| sources.global(scope, share)));
    }
    records.extend([0, 1].map(|family| sources.newcomers(family)));
    records
}

fn pins_are_in_place(program: &Program) {
    let pins = program.pins();
    assert!(pins.complete(), "a pin is missing");
    assert!(!pins.staging().exist(), "the staging directory is left");
    // What is pinned is what is in use.
    let head = Tables::head(&pins.dir).expect("the pinned head");
    assert_eq!(head, program.tables().sources.head);
    Tables::open(&pins.dir).expect("the pinned maps");
}

#[test]
fn buckets_bans_and_tallies_go_on_when_the_table_grows_and_shrinks() {
    let now = start();
    let mut program = Program::sized(POLICY, 4_096);
    used(&program, now);
    assert_eq!(program.run(now, &near()).reason, Reason::Banned);
    let seed = program.tables().sources.head.seed;
    let (counters, stats) = (program.counters(), program.stats());
    for max_sources in [32_768, 2_048, 8_192] {
        let (before, shared) = (records(&program), globals(&program));
        let (loaded, resize) = resized(&program, max_sources);
        assert_eq!(resize.lost, 0, "{max_sources}");
        resize
            .finish(program.pins(), &loaded.tables.sources)
            .expect("the end of the resize");
        program.take_over(loaded);
        let after = records(&program);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, after, "{max_sources}");
        }
        assert_eq!(globals(&program), shared, "{max_sources}");
        let head = program.tables().sources.head;
        assert_eq!(
            (head.seed, program.tables().sources.capacity()),
            (seed, max_sources)
        );
        assert_eq!(
            (program.counters(), program.stats()),
            (counters.clone(), stats)
        );
        pins_are_in_place(&program);
    }
    // And the program goes on where it was.
    for (n, source) in sources().enumerate() {
        if n % 5 == 0 {
            let reason = program.run(now, &udp(source, 53, 10)).reason;
            assert_eq!(reason, Reason::Banned, "{source}");
        } else {
            assert_eq!(
                passing(&program, now, &udp(source, 53, 10), 3),
                2,
                "{source}"
            );
        }
    }
    assert_eq!(program.run(now, &near()).reason, Reason::Banned);
    assert_eq!(passing(&program, now, &syn(v4(1), 80), 20), 10 - 2);
    let record = program.record(v4(5), "default").expect("a known source");
    assert!(Ban(record.ban).is_on(moment(now)));
}

#[test]
fn what_the_old_program_admits_until_the_end_is_owed() {
    let now = start();
    let mut program = Program::sized(POLICY, 4_096);
    used(&program, now);
    let (loaded, resize) = resized(&program, 16_384);
    // Known in debt, known and full, and new: all in the table that goes.
    let later = now + SECOND;
    let known = v4(3);
    let fresh: IpAddr = "203.0.113.9".parse().expect("an address");
    let debtor: IpAddr = v4(2);
    assert_eq!(passing(&program, later, &syn(known, 80), 4), 4);
    assert_eq!(passing(&program, later, &syn(fresh, 80), 4), 4);
    assert_eq!(passing(&program, later, &syn(debtor, 80), 1), 1);
    let banned: IpAddr = "203.0.113.66".parse().expect("an address");
    assert_eq!(passing(&program, later, &udp(banned, 53, 10), 9), 2);
    let before = [known, fresh, debtor].map(|s| program.record(s, "web").expect("known"));
    resize
        .finish(program.pins(), &loaded.tables.sources)
        .expect("the end of the resize");
    program.take_over(loaded);
    for (source, before) in [known, fresh, debtor].into_iter().zip(before) {
        let after = program.record(source, "web").expect("a source that owes");
        assert_eq!(after.tat, before.tat, "{source}");
    }
    assert_eq!(passing(&program, later, &syn(fresh, 80), 20), 6);
    assert_eq!(
        program.run(later, &udp(banned, 53, 10)).reason,
        Reason::Banned
    );
    pins_are_in_place(&program);
}

#[test]
fn what_both_programs_admit_meanwhile_is_added_up() {
    let now = start();
    let program = Program::sized(POLICY, 4_096);
    let source = v4(1);
    assert_eq!(passing(&program, now, &syn(source, 80), 2), 2);
    let (loaded, resize) = resized(&program, 16_384);
    assert_eq!(passing(&program, now, &syn(source, 80), 3), 3);
    // The new one, already attached.
    let frame = [&now.to_ne_bytes()[..], &syn(source, 80)].concat();
    sys::test_run(loaded.program.as_fd(), &frame, 4).expect("a test run");
    resize
        .finish(program.pins(), &loaded.tables.sources)
        .expect("the end of the resize");
    let mut program = program;
    program.take_over(loaded);
    let record = program.record(source, "web").expect("a known source");
    assert_eq!(record.tat[0], (now + 9 * (DAY / 10)) * 64);
    assert_eq!(passing(&program, now, &syn(source, 80), 20), 1);
}

#[test]
fn what_global_limits_admit_meanwhile_is_owed_too() {
    let now = start();
    let mut program = Program::sized(&POLICY.replace("100000/day", "40/day"), 4_096);
    assert_eq!(passing(&program, now, &syn(v4(1), 80), 5), 5);
    let (loaded, resize) = resized(&program, 16_384);
    assert_eq!(passing(&program, now, &syn(v4(2), 80), 10), 10);
    resize
        .finish(program.pins(), &loaded.tables.sources)
        .expect("the end of the resize");
    program.take_over(loaded);
    // 30 of the common share, of which 15 are gone.
    let left: usize = (10..20)
        .map(|n| passing(&program, now, &syn(v4(n), 80), 10))
        .sum();
    assert_eq!(left, 15);
}

#[test]
fn a_prefix_that_is_banned_meanwhile_stays_so() {
    let now = start();
    let mut program = Program::sized(POLICY, 4_096);
    let (loaded, resize) = resized(&program, 16_384);
    for host in 1..4 {
        let source = Ipv4Addr::new(192, 0, 2, host).into();
        assert_eq!(passing(&program, now, &udp(source, 53, 10), 9), 2);
    }
    assert_eq!(program.run(now, &near()).reason, Reason::Banned);
    resize
        .finish(program.pins(), &loaded.tables.sources)
        .expect("the end of the resize");
    program.take_over(loaded);
    assert_eq!(program.run(now, &near()).reason, Reason::Banned);
}

#[test]
fn a_smaller_table_keeps_as_many_as_it_has_room_for() {
    let now = start();
    let mut program = Program::sized("[scopes.default.limits]\nown = { rate = \"2/day\" }", 8_192);
    for n in 0..4_000 {
        assert_eq!(passing(&program, now, &udp(v4(n), 53, 10), 1), 1);
    }
    let kept_before = program.tables().sources.count(0);
    let (loaded, resize) = resized(&program, 1_024);
    let lost = resize.lost;
    resize
        .finish(program.pins(), &loaded.tables.sources)
        .expect("the end of the resize");
    program.take_over(loaded);
    let kept = program.tables().sources.count(0);
    assert!(kept >= 1_000, "{kept}");
    assert_eq!(kept + lost, kept_before);
    for n in 0..4_000 {
        if let Some(record) = program.record(v4(n), "default") {
            assert_eq!(record.passed.packets, 1, "{n}");
            assert_eq!(record.tat[0], (now + DAY / 2) * 64, "{n}");
        }
    }
    pins_are_in_place(&program);
}

#[test]
fn the_same_size_is_adopted_as_it_is() {
    let program = Program::sized(POLICY, 4_096);
    assert!(matches!(program.load_again(4_096).reuse, Reuse::Adopted));
    // The same number of sets.
    assert!(matches!(program.load_again(4_090).reuse, Reuse::Adopted));
    assert!(matches!(program.load_again(4_097).reuse, Reuse::Resized(_)));
}
