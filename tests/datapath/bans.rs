//! Repeated refusals ban a source for a while: after exactly as many as the policy says, for as long, and longer each
//! time.

mod lengths;
mod whom;

use std::net::IpAddr;

use throttler_common::Reason;
use throttler_common::abi::{Addr, Event, NO_LIMIT};
use throttler_common::ban::{Ban, MOMENT_SHIFT, moment};
use throttler_common::notice::Kind;

use crate::harness::{MINUTE, Program, SECOND, START};
use crate::traffic::{ip, passing, udp};

/// Bans begin and end in steps of this many nanoseconds.
const MOMENT: u64 = 1 << MOMENT_SHIFT;
/// Times within such a step, that tests begin at.
const OFFSETS: [u64; 5] = [0, 1, MOMENT / 2, MOMENT - 2, MOMENT - 1];

/// Two conform in a day, and five refusals in ten seconds ban.
const POLICY: &str = r#"
    [scopes.default.limits]
    burst = { rate = "2/day" }
    [abuse]
    ban_after = { refusals = 5, within = "10s" }
    ban_for = "1min"
    ban_max = "5min"
"#;
const REFUSALS: usize = 5;
const WITHIN: u64 = 10 * SECOND;

fn ban(program: &Program, source: IpAddr, scope: &str) -> Ban {
    let record = program.record(source, scope).expect("a known source");
    Ban(record.ban)
}

/// The first nanosecond at which the source's ban is over.
fn end(program: &Program, source: IpAddr) -> u64 {
    ban(program, source, "default").until() << MOMENT_SHIFT
}

fn of_kind(events: &[Event], kind: Kind) -> Vec<Event> {
    let found = events.iter().filter(|event| event.kind == kind as u8);
    found.copied().collect()
}

/// A source that has used its burst up.
fn exhausted(program: &Program, now: u64, source: IpAddr) -> Vec<u8> {
    let frame = udp(source, 53, 10);
    assert_eq!(passing(program, now, &frame, 2), 2);
    frame
}

/// The start of a step of time, and then some.
fn aligned(offset: u64) -> u64 {
    (START & !(MOMENT - 1)) + offset
}

#[test]
fn the_nth_refusal_bans_and_none_before() {
    let program = Program::new(POLICY);
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    for n in 1..=REFUSALS {
        let answer = program.run(START, &frame);
        assert_eq!(
            (answer.reason, answer.limit.as_deref()),
            (Reason::OverLimit, Some("burst")),
            "refusal {n}"
        );
        let banned = ban(&program, source, "default").is_on(moment(START));
        assert_eq!(banned, n == REFUSALS, "refusal {n}");
    }
    assert_eq!(program.stats().bans, 1);
}

#[test]
fn a_banned_source_is_dropped_without_a_charge_or_an_event() {
    let program = Program::new(POLICY);
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    assert_eq!(passing(&program, START, &frame, REFUSALS), 0);
    let before = program.record(source, "default").expect("a known source");
    assert_eq!(program.events().len(), 2);
    for step in 0..500 {
        let answer = program.run(START + step * SECOND / 10, &frame);
        assert_eq!((answer.reason, answer.limit), (Reason::Banned, None));
    }
    let after = program.record(source, "default").expect("a known source");
    assert_eq!((after.tat, after.ban), (before.tat, before.ban));
    assert_eq!((before.refused, after.refused), (5, 5));
    assert_eq!(after.dropped.packets, before.dropped.packets + 500);
    assert_eq!(program.events(), []);
}

#[test]
fn a_ban_is_told_of_and_so_is_its_end() {
    let program = Program::new(&POLICY.replace("2/day", "2/min"));
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    assert_eq!(passing(&program, START, &frame, REFUSALS + 20), 0);
    let events = program.events();
    let [refusal, banned] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (refusal.kind, refusal.refused, refusal.retry_after),
        (Kind::Refusal as u8, 1, 30 * SECOND)
    );
    assert_eq!(banned.kind, Kind::Ban as u8);
    assert_eq!(
        (banned.at, banned.source, banned.family, banned.scope),
        (START, Addr::from_v4([192, 0, 2, 1]), 4, 0)
    );
    assert_eq!(
        (banned.reason, banned.limit, banned.monitored, banned.plan),
        (Reason::OverLimit as u8, 0, 0, 0)
    );
    assert_eq!((banned.refused, banned.bans, banned.generation), (5, 1, 1));
    assert!(
        (MINUTE..=MINUTE + 2 * MOMENT).contains(&banned.retry_after),
        "{banned:?}"
    );

    let end = end(&program, source);
    assert_eq!(program.run(end - 1, &frame).reason, Reason::Banned);
    assert_eq!(program.events(), []);
    // Two have come back meanwhile: limits judge again.
    let reasons: Vec<_> = (0..3).map(|_| program.run(end, &frame).reason).collect();
    assert_eq!(
        reasons,
        [Reason::Conforming, Reason::Conforming, Reason::OverLimit]
    );
    let events = program.events();
    let [unbanned, refusal] = events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(
        (unbanned.kind, unbanned.at, unbanned.source),
        (Kind::Unban as u8, end, Addr::from_v4([192, 0, 2, 1]))
    );
    assert_eq!(
        (unbanned.reason, unbanned.limit, unbanned.retry_after),
        (Reason::Banned as u8, NO_LIMIT, 0)
    );
    assert_eq!(refusal.kind, Kind::Refusal as u8);
}

#[test]
fn refusals_told_of_add_up_around_a_ban() {
    let program = Program::new(POLICY);
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    // Slow enough that the one that bans is due to be told of as a refusal as well.
    for n in 0..REFUSALS as u64 {
        program.run(START + n * 2 * SECOND, &frame);
    }
    let later = end(&program, source);
    program.run(later, &frame);
    let told = of_kind(&program.events(), Kind::Refusal);
    let last = told.last().expect("events");
    assert_eq!(last.refused_total, 6);
    let sum: u32 = told.iter().map(|event| event.refused).sum();
    assert!(
        (5..=6).contains(&sum),
        "{sum} of 6 refusals told of: {told:?}"
    );
}
