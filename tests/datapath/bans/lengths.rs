//! How long refusals count, and how long bans last.

use std::net::Ipv4Addr;

use throttler_common::Reason;
use throttler_common::ban::moment;
use throttler_common::notice::Kind;

use super::{MOMENT, OFFSETS, POLICY, REFUSALS, WITHIN, aligned, ban, end, exhausted, of_kind};
use crate::harness::{MINUTE, Program, SECOND, START};
use crate::traffic::{ip, passing};

#[test]
fn refusals_further_apart_than_the_window_do_not_ban() {
    let program = Program::new(POLICY);
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    let mut now = START;
    for _ in 0..100 {
        now += WITHIN / 4 + 2 * MOMENT;
        assert_eq!(program.run(now, &frame).reason, Reason::OverLimit);
    }
    assert_eq!(program.stats().bans, 0);
    now += WITHIN;
    for _ in 0..REFUSALS {
        assert_eq!(program.run(now, &frame).reason, Reason::OverLimit);
        now += WITHIN / 4 - 2 * MOMENT;
    }
    assert_eq!(program.run(now, &frame).reason, Reason::Banned);
}

#[test]
fn the_window_ends_within_a_step_of_when_it_should() {
    let program = Program::new(POLICY);
    let mut number = 0;
    for offset in OFFSETS {
        for (after, bans) in [(WITHIN - 2 * MOMENT, true), (WITHIN + 2 * MOMENT, false)] {
            number += 1;
            let (start, source) = (aligned(offset), Ipv4Addr::from_bits(10 << 24 | number));
            let frame = exhausted(&program, start, source.into());
            assert_eq!(passing(&program, start, &frame, REFUSALS - 1), 0);
            program.run(start + after, &frame);
            let banned = ban(&program, source.into(), "default").is_on(moment(start + after));
            assert_eq!(banned, bans, "{offset} and {after}");
        }
    }
}

#[test]
fn a_ban_is_never_shorter_than_asked_for() {
    let program = Program::new(POLICY);
    for (number, offset) in OFFSETS.into_iter().enumerate() {
        let (start, source) = (
            aligned(offset),
            Ipv4Addr::from_bits(10 << 24 | number as u32),
        );
        let frame = exhausted(&program, start, source.into());
        assert_eq!(passing(&program, start, &frame, REFUSALS), 0);
        let lasts = end(&program, source.into()) - start;
        assert!(
            (MINUTE..=MINUTE + 2 * MOMENT).contains(&lasts),
            "{lasts} ns for a ban given {offset} ns into a step"
        );
        let reason = program.run(start + MINUTE - 1, &frame).reason;
        assert_eq!(reason, Reason::Banned, "{offset}");
    }
}

/// Bans a source whose burst is used up, and says for how many whole seconds and as which ban in a row.
fn banned_for(program: &Program, now: u64, frame: &[u8]) -> (u64, u32) {
    for _ in 0..REFUSALS {
        assert_eq!(program.run(now, frame).reason, Reason::OverLimit);
    }
    assert_eq!(program.run(now, frame).reason, Reason::Banned);
    let told = of_kind(&program.events(), Kind::Ban);
    let [event] = told[..] else {
        panic!("one ban: {told:?}")
    };
    (event.retry_after / SECOND, event.bans)
}

#[test]
fn bans_double_up_to_the_longest() {
    let program = Program::new(POLICY);
    let source = ip("2001:db8::1");
    let frame = exhausted(&program, START, source);
    let mut now = START;
    let lengths = [60, 120, 240, 300, 300, 300];
    for (times, length) in (1..).zip(lengths) {
        assert_eq!(banned_for(&program, now, &frame), (length, times));
        let end = end(&program, source);
        assert_eq!(program.run(end - 1, &frame).reason, Reason::Banned);
        now = end;
    }
}

#[test]
fn a_doubling_is_forgiven_for_each_longest_ban_without_one() {
    let longest = 10 * MINUTE;
    let program = Program::new(&POLICY.replace("5min", "10min"));
    let cases = [
        (longest - SECOND, (480, 4)),
        (longest + SECOND, (240, 3)),
        (2 * longest + SECOND, (120, 2)),
        (3 * longest + SECOND, (60, 1)),
        (30 * longest, (60, 1)),
    ];
    for (number, (pause, expected)) in cases.into_iter().enumerate() {
        let source = Ipv4Addr::from_bits(10 << 24 | number as u32).into();
        let frame = exhausted(&program, START, source);
        let mut now = START;
        for (times, length) in (1..).zip([60, 120, 240]) {
            assert_eq!(banned_for(&program, now, &frame), (length, times));
            now = end(&program, source);
        }
        assert_eq!(
            banned_for(&program, now + pause, &frame),
            expected,
            "{pause}"
        );
    }
}
