//! Newcomers of a table without a way for them.

use std::collections::BTreeMap;

use throttler_common::Reason;
use throttler_common::notice::Kind;

use super::{addr, is_sound, of_prefix, reason, v4};
use crate::contention::totals;
use crate::harness::{Program, SECOND, START};

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
        assert!(is_sound(&program, START));
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
