//! Repeated refusals ban a source for a while: after exactly as many as the policy says, for as long, and longer each
//! time.

use std::net::{IpAddr, Ipv4Addr};

use throttler_common::Reason;
use throttler_common::abi::{Addr, Event, NO_LIMIT};
use throttler_common::ban::{Ban, MOMENT_SHIFT, moment, moments};
use throttler_common::notice::Kind;

use crate::contention::{on_two_cpus, totals};
use crate::harness::{MINUTE, Program, SECOND, START};
use crate::traffic::{ip, passing, syn, udp};

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

#[test]
fn who_is_exempt_is_never_banned_and_no_longer_when_it_becomes_so() {
    let base = format!("{POLICY}[[sources]]\nfrom = [\"192.0.2.77/32\"]\nexempt = true\n");
    let mut program = Program::new(&base);
    let exempt = udp(ip("192.0.2.77"), 53, 10);
    assert_eq!(passing(&program, START, &exempt, 500), 500);

    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    assert_eq!(passing(&program, START, &frame, REFUSALS), 0);
    let reason = |program: &Program| program.run(START + SECOND, &frame).reason;
    assert_eq!(reason(&program), Reason::Banned);
    let rule = |class: &str| format!("{base}[[sources]]\nfrom = [\"192.0.2.1/32\"]\n{class}\n");
    program.publish(&rule("exempt = true"));
    assert_eq!(reason(&program), Reason::Exempt);
    program.publish(&rule("block = true"));
    assert_eq!(reason(&program), Reason::Blocked);
    program.publish(&base);
    assert_eq!(reason(&program), Reason::Banned, "the ban has not ended");
}

#[test]
fn what_no_limit_of_the_source_refused_does_not_ban() {
    let program = Program::new(
        r#"[scopes.default.limits]
           own = { rate = "1000/day" }
           [scopes.default.global]
           total = { rate = "2/day" }
           [abuse]
           ban_after = { refusals = 5, within = "10s" }
           [[sources]]
           from = ["192.0.2.66/32"]
           block = true"#,
    );
    for (source, reason) in [
        ("192.0.2.66", Reason::Blocked),
        ("192.0.2.1", Reason::GlobalLimit),
    ] {
        let frame = udp(ip(source), 53, 10);
        for _ in 0..100 {
            program.run(START, &frame);
        }
        assert_eq!(program.run(START, &frame).reason, reason);
    }
    assert_eq!(program.stats().bans, 0);
    assert_eq!(of_kind(&program.events(), Kind::Ban), []);
}

#[test]
fn refusals_of_a_layer_ban_in_the_scope() {
    let program = Program::new(
        r#"[scopes.web]
           match = [{ protocol = "tcp" }]
           limits = { own = { rate = "1000/day" } }
           [layers.all]
           scopes = ["web"]
           limits = { total = { rate = "2/day" } }
           [abuse]
           ban_after = { refusals = 5, within = "10s" }"#,
    );
    let source = ip("192.0.2.1");
    let reasons: Vec<_> = (0..9)
        .map(|_| program.run(START, &syn(source, 80)).reason)
        .collect();
    assert_eq!(reasons[..2], [Reason::Conforming; 2]);
    assert_eq!(reasons[2..7], [Reason::OverLimit; 5]);
    assert_eq!(reasons[7..], [Reason::Banned; 2]);
    assert_eq!(
        program.run(START, &udp(source, 53, 1)).reason,
        Reason::Unlimited
    );
}

#[test]
fn monitor_mode_bans_without_dropping() {
    let program = Program::new(&format!("[throttler]\nmode = \"monitor\"\n{POLICY}"));
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    for sent in 0..100 {
        let answer = program.run(START, &frame);
        let limit = (sent < REFUSALS).then_some("burst");
        assert_eq!(
            (answer.reason, answer.limit.as_deref()),
            (Reason::Monitored, limit),
            "{sent}"
        );
    }
    let record = program.record(source, "default").expect("a known source");
    assert_eq!((record.passed.packets, record.dropped.packets), (102, 0));
    assert_eq!(record.refused, 5);
    let told: Vec<_> = program
        .events()
        .iter()
        .map(|e| (e.kind, e.monitored))
        .collect();
    assert_eq!(told, [(Kind::Refusal as u8, 1), (Kind::Ban as u8, 1)]);
}

#[test]
fn a_ban_is_of_one_scope() {
    let program = Program::new(&format!(
        "[scopes.web]\nmatch = [{{ protocol = \"tcp\" }}]\nlimits = {{ burst = {{ rate = \"3/day\" }} }}\n{POLICY}"
    ));
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    assert_eq!(passing(&program, START, &frame, REFUSALS + 1), 0);
    assert_eq!(program.run(START, &frame).reason, Reason::Banned);
    let web = syn(source, 80);
    let reasons: Vec<_> = (0..4).map(|_| program.run(START, &web).reason).collect();
    assert_eq!(reasons[..3], [Reason::Conforming; 3]);
    assert_eq!(reasons[3], Reason::OverLimit);
    assert!(!ban(&program, source, "web").is_on(moment(START)));
    // Nor is it of the sources beside it.
    assert_eq!(
        program.run(START, &udp(ip("192.0.2.2"), 53, 1)).reason,
        Reason::Conforming
    );
}

#[test]
fn a_policy_without_abuse_bans_nobody_and_bans_outlast_a_reload() {
    let mut program = Program::new(POLICY);
    let source = ip("192.0.2.1");
    let frame = exhausted(&program, START, source);
    assert_eq!(passing(&program, START, &frame, REFUSALS), 0);
    let (end, _) = (end(&program, source), program.publish(POLICY));
    assert_eq!(program.run(START + SECOND, &frame).reason, Reason::Banned);
    assert_eq!(program.run(end - 1, &frame).reason, Reason::Banned);
    let (limits, _) = POLICY.split_once("[abuse]").expect("the policy's");
    program.publish(limits);
    for _ in 0..500 {
        assert_eq!(program.run(end, &frame).reason, Reason::OverLimit);
    }
    assert_eq!(program.stats().bans, 1);
}

#[test]
fn two_cpus_give_one_ban() {
    const SOURCES: u32 = 100;
    const EACH: u32 = 400;
    let program = Program::new(&POLICY.replace("refusals = 5", "refusals = 100"));
    let frames: Vec<_> = (0..SOURCES)
        .map(|n| udp(Ipv4Addr::from_bits(10 << 24 | n).into(), 53, 10))
        .collect();
    on_two_cpus(true, |_| {
        for frame in &frames {
            program.run_many(START, frame, EACH);
        }
    });
    let totals = totals(&program);
    let sources = u64::from(SOURCES);
    assert_eq!(totals[&Reason::Conforming], 2 * sources);
    assert_eq!(program.stats().bans, sources, "{totals:?}");
    let told = of_kind(&program.events(), Kind::Ban);
    assert_eq!(told.len(), SOURCES as usize);
    assert!(told.iter().all(|event| event.bans == 1));
    let mut uncounted = 0;
    for n in 0..SOURCES {
        let source = Ipv4Addr::from_bits(10 << 24 | n).into();
        let record = program.record(source, "default").expect("a known source");
        let ban = Ban(record.ban);
        assert_eq!(ban.times(), 1, "{record:?}");
        let length = ban.until() - moment(START);
        assert!(length <= moments(MINUTE) + 1, "{record:?}");
        // The other CPU may have been past the look at the ban.
        assert!((100..=104).contains(&record.refused), "{record:?}");
        assert_eq!(record.passed.packets, 2);
        uncounted += 2 * u64::from(EACH) - 2 - record.dropped.packets;
    }
    // A packet that could not have its source's set is dropped before anybody knows whose it is.
    let stats = program.stats();
    assert!(uncounted <= stats.contended, "{uncounted} of {stats:?}");
    assert_eq!(totals.values().sum::<u64>(), 2 * sources * u64::from(EACH));
}
