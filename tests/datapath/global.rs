//! Limits of all sources together: exact, paid by nobody twice, with a share kept for protected plans.

use std::net::{IpAddr, Ipv4Addr};

use throttler_common::Reason;
use throttler_common::abi::GLOBAL_LIMIT;

use crate::contention::{on_two_cpus, totals};
use crate::harness::{Answer, Program, SECOND, START};
use crate::traffic::{ack, ip, passing, syn, udp};

const DAY: u64 = 86_400 * SECOND;
/// Ticks of a nanosecond.
const TICKS: u64 = 64;

fn source(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(10 << 24 | number).into()
}

fn from(number: u32) -> Vec<u8> {
    udp(source(number), 53, 10)
}

fn said(answer: &Answer) -> (Reason, Option<&str>) {
    (answer.reason, answer.limit.as_deref())
}

#[test]
fn the_burst_is_of_all_sources_together() {
    let program = Program::new(
        r#"[scopes.default.limits]
           own = { rate = "3/day" }
           [scopes.default.global]
           total = { rate = "10/day" }"#,
    );
    for number in 0..10 {
        let answer = program.run(START, &from(number));
        assert_eq!(answer.reason, Reason::Conforming, "{number}");
    }
    for number in 5..20 {
        let answer = program.run(START, &from(number));
        assert_eq!(said(&answer), (Reason::GlobalLimit, Some("global.total")));
    }
    // IPv6 as well.
    let v6 = program.run(START, &udp(ip("2001:db8::1"), 53, 10));
    assert_eq!(v6.reason, Reason::GlobalLimit);
    // A tenth of a day brings one back.
    assert_eq!(passing(&program, START + DAY / 10 - 1, &from(30), 1), 0);
    assert_eq!(passing(&program, START + DAY / 10, &from(30), 2), 1);

    let events = program.events();
    assert!(!events.is_empty());
    for event in events {
        assert_eq!(
            (event.reason, event.limit),
            (Reason::GlobalLimit as u8, GLOBAL_LIMIT),
            "{event:?}"
        );
        assert!((1..=DAY / 10).contains(&event.retry_after), "{event:?}");
    }
}

#[test]
fn a_source_over_its_own_limit_takes_nothing_from_the_others() {
    let program = Program::new(
        r#"[scopes.default.limits]
           own = { rate = "3/day" }
           volume = { rate = "1M/day", unit = "bytes" }
           [scopes.default.global]
           total = { rate = "10/day" }"#,
    );
    assert_eq!(passing(&program, START, &from(0), 1_000), 3);
    let answer = program.run(START, &from(0));
    assert_eq!(said(&answer), (Reason::OverLimit, Some("own")));
    let bucket = program.tables().sources.global(0, 0);
    assert_eq!(bucket.tat[0], (START + 3 * (DAY / 10)) * TICKS);
    let admitted: usize = (1..20).map(|n| passing(&program, START, &from(n), 1)).sum();
    assert_eq!(admitted, 7);
}

#[test]
fn a_global_refusal_takes_nothing_from_the_source() {
    let program = Program::new(
        r#"[scopes.default.limits]
           own = { rate = "3/day" }
           volume = { rate = "1M/day", unit = "bytes" }
           [scopes.default.global]
           total = { rate = "10/day" }
           volume = { rate = "1M/day", unit = "bytes" }"#,
    );
    for number in 0..10 {
        assert_eq!(passing(&program, START, &from(number), 1), 1);
    }
    assert_eq!(passing(&program, START, &from(20), 100), 0);
    let record = program
        .record(source(20), "default")
        .expect("a known source");
    assert_eq!(record.tat, [0; 4]);
    assert_eq!((record.passed.packets, record.dropped.packets), (0, 100));
    // Nor from the other global limit.
    let volume = program.tables().sources.global(0, 0).tat[1];
    assert_eq!(volume, START * TICKS + 10 * 38 * (DAY * TICKS / 1_000_000));
    let answer = program.run(START + DAY, &from(20));
    assert_eq!(answer.reason, Reason::Conforming);
}

const PROTECTED: &str = r#"
    [scopes.default]
    protected = ["pro"]
    reserved = "25%"
    [scopes.default.limits]
    own = { rate = "1000/day" }
    [scopes.default.global]
    total = { rate = "100/day" }
    [plans.pro.default]
    own = "2000/day"
    [plans.enterprise]
    default = "unlimited"
    [[sources]]
    from = ["198.51.100.0/24"]
    plan = "pro"
    [[sources]]
    from = ["203.0.113.0/25"]
    plan = "enterprise"
"#;

fn pro() -> Vec<u8> {
    udp(ip("198.51.100.7"), 53, 10)
}

#[test]
fn others_never_have_the_reserved_share() {
    let program = Program::new(PROTECTED);
    let admitted: usize = (0..50).map(|n| passing(&program, START, &from(n), 5)).sum();
    assert_eq!(admitted, 75);
    assert_eq!(passing(&program, START, &pro(), 100), 25);
    let answer = program.run(START, &pro());
    assert_eq!(said(&answer), (Reason::GlobalLimit, Some("global.total")));
    // A twenty-fifth of a day: four come back, one of them reserved.
    let later = START + DAY / 25;
    assert_eq!(passing(&program, later, &from(60), 10), 3);
    assert_eq!(passing(&program, later, &pro(), 10), 1);
}

#[test]
fn protected_plans_have_the_reserved_share_first_and_then_the_common_one() {
    let program = Program::new(PROTECTED);
    assert_eq!(passing(&program, START, &pro(), 25), 25);
    let sources = &program.tables().sources;
    assert_eq!(sources.global(0, 0).tat[0], 0, "the common share is whole");
    let full = (START + DAY) * TICKS;
    assert_eq!(sources.global(0, 1).tat[0], full);
    assert_eq!(passing(&program, START, &pro(), 30), 30);
    assert_eq!(passing(&program, START, &from(1), 100), 45);
    assert_eq!(passing(&program, START, &pro(), 10), 0);
}

#[test]
fn an_unlimited_plan_is_not_subject_to_them() {
    let program = Program::new(PROTECTED);
    let free = udp(ip("203.0.113.1"), 53, 10);
    for _ in 0..200 {
        assert_eq!(program.run(START, &free).reason, Reason::Unlimited);
    }
    assert_eq!(passing(&program, START, &from(1), 200), 75);
    assert_eq!(program.run(START, &free).reason, Reason::Unlimited);
}

#[test]
fn a_scope_may_have_global_limits_alone() {
    let program = Program::new("[scopes.default.global]\ntotal = { rate = \"5/day\" }");
    let admitted: usize = (0..20).map(|n| passing(&program, START, &from(n), 1)).sum();
    assert_eq!(admitted, 5);
    // Scopes do not share them.
    let program = Program::new(
        r#"[scopes.web]
           match = [{ protocol = "tcp" }]
           global = { total = { rate = "5/day" } }
           [scopes.default.global]
           total = { rate = "7/day" }"#,
    );
    assert_eq!(passing(&program, START, &syn(source(1), 80), 20), 5);
    assert_eq!(passing(&program, START, &from(1), 20), 7);
}

#[test]
fn bytes_and_connections_are_counted_as_such() {
    let program = Program::new(
        r#"[scopes.web]
           match = [{ protocol = "tcp" }]
           [scopes.web.global]
           opened = { rate = "4/day", unit = "connections" }
           [scopes.default.global]
           volume = { rate = "1000/day", unit = "bytes" }"#,
    );
    assert_eq!(passing(&program, START, &ack(source(1), 80), 50), 50);
    let opened: usize = (0..9)
        .map(|n| passing(&program, START, &syn(source(n), 80), 1))
        .sum();
    assert_eq!(opened, 4);
    let answer = program.run(START, &syn(source(1), 80));
    assert_eq!(said(&answer), (Reason::GlobalLimit, Some("global.opened")));
    assert_eq!(passing(&program, START, &ack(source(1), 80), 50), 50);
    // 10 of 90 bytes, and 2 of 50.
    let large = |n| udp(source(n), 53, 62);
    assert_eq!(
        (0..10)
            .map(|n| passing(&program, START, &large(n), 1))
            .sum::<usize>(),
        10
    );
    assert_eq!(passing(&program, START, &udp(source(40), 53, 22), 9), 2);
    assert_eq!(
        program.run(START, &from(41)).limit.as_deref(),
        Some("global.volume")
    );
}

#[test]
fn monitor_mode_spares_what_they_refuse() {
    let program = Program::new(
        "[throttler]\nmode = \"monitor\"\n[scopes.default.global]\ntotal = { rate = \"5/day\" }",
    );
    for number in 0..5 {
        let answer = program.run(START, &from(number));
        assert_eq!(answer.reason, Reason::Conforming);
    }
    let answer = program.run(START, &from(1));
    assert_eq!(said(&answer), (Reason::Monitored, Some("global.total")));
    let told: Vec<_> = program
        .events()
        .iter()
        .map(|e| (e.reason, e.monitored))
        .collect();
    assert_eq!(told, [(Reason::GlobalLimit as u8, 1)]);
}

#[test]
fn a_reload_with_another_rate_keeps_what_is_left() {
    let policy = |rate: &str| {
        format!(
            "[scopes.default.limits]\nown = {{ rate = \"1000/day\" }}\n[scopes.default.global]\ntotal = {{ rate = \"{rate}\" }}\n"
        )
    };
    let mut program = Program::new(&policy("10/day"));
    assert_eq!(passing(&program, START, &from(1), 4), 4);
    for rate in ["20/day", "10/day", "40/hour", "10/day"] {
        program.publish(&policy(rate));
        assert_eq!(passing(&program, START, &from(2), 1), 1, "{rate}");
    }
    program.publish(&policy("100/day"));
    assert_eq!(passing(&program, START, &from(3), 100), 2);
    // Below what is left.
    let mut program = Program::new(&policy("10/day"));
    assert_eq!(passing(&program, START, &from(1), 4), 4);
    program.publish(&policy("3/day"));
    assert_eq!(passing(&program, START, &from(2), 100), 3);
}

#[test]
fn a_layer_and_global_limits_in_one_scope() {
    let program = Program::new(
        r#"[scopes.web]
           match = [{ protocol = "tcp" }]
           limits = { own = { rate = "8/day" } }
           global = { total = { rate = "10/day" } }
           [scopes.default.limits]
           own = { rate = "100/day" }
           [layers.all]
           scopes = ["web", "default"]
           limits = { both = { rate = "6/day" } }"#,
    );
    let web = |n| syn(source(n), 80);
    assert_eq!(passing(&program, START, &from(1), 4), 4);
    assert_eq!(passing(&program, START, &web(1), 100), 2);
    let answer = program.run(START, &web(1));
    assert_eq!(said(&answer), (Reason::OverLimit, Some("all.both")));
    // What the layer refused was given back to everybody, and to the source.
    let sources = &program.tables().sources;
    let scope = program
        .policy()
        .description
        .scopes
        .iter()
        .find(|s| s.name == "web");
    let scope = scope.expect("the scope").id;
    assert_eq!(
        sources.global(scope, 0).tat[0],
        (START + 2 * (DAY / 10)) * TICKS
    );
    let own = program
        .record(source(1), "web")
        .expect("a known source")
        .tat[0];
    assert_eq!(own, (START + 2 * (DAY / 8)) * TICKS);
    assert_eq!(passing(&program, START, &web(2), 100), 6);
    assert_eq!(passing(&program, START, &web(3), 100), 2);
    let answer = program.run(START, &web(3));
    assert_eq!(said(&answer), (Reason::GlobalLimit, Some("global.total")));
    let layer = program
        .record(source(3), "all")
        .expect("a known source")
        .tat[0];
    assert_eq!(layer, (START + 2 * (DAY / 6)) * TICKS);
}

#[test]
fn two_cpus_with_sources_of_their_own_have_exactly_the_burst() {
    for pinned in [false, true] {
        let program = Program::new(
            r#"[scopes.default]
               protected = ["pro"]
               reserved = "40%"
               [scopes.default.limits]
               own = { rate = "700/day" }
               volume = { rate = "1G/day", unit = "bytes" }
               [scopes.default.global]
               total = { rate = "5000/day" }
               volume = { rate = "1G/day", unit = "bytes" }
               [plans.pro]
               [[sources]]
               from = ["10.0.0.0/30"]
               plan = "pro""#,
        );
        // Sources 0 to 3 are protected; each CPU sends from some of either kind.
        on_two_cpus(pinned, |cpu| {
            for _ in 0..4 {
                for number in 0..10 {
                    program.run_many(START, &from(2 * number + cpu as u32), 300);
                }
            }
        });
        let totals = totals(&program);
        assert_eq!(totals[&Reason::Conforming], 5_000, "{totals:?}");
        let protected: u64 = (0..4)
            .map(|n| {
                program
                    .record(source(n), "default")
                    .expect("known")
                    .passed
                    .packets
            })
            .sum();
        assert!(protected >= 2_000, "{protected}");
        for number in 0..20 {
            let record = program.record(source(number), "default").expect("known");
            assert!(record.passed.packets <= 700, "{record:?}");
            // What a global limit refused was not left on the source's buckets.
            let debt = record.tat[0].saturating_sub(START * TICKS);
            assert_eq!(debt, record.passed.packets * (DAY * TICKS).div_ceil(700));
        }
        let sources = &program.tables().sources;
        let bytes: u64 = [0, 1]
            .map(|share| {
                let debt = sources.global(0, share).tat[1].saturating_sub(START * TICKS);
                let rate: u64 = if share == 0 { 600_000_000 } else { 400_000_000 };
                u128::from(debt) * u128::from(rate) / u128::from(DAY * TICKS)
            })
            .iter()
            .sum::<u128>() as u64;
        let exact = 5_000 * 38;
        assert!(bytes.abs_diff(exact) < 100, "{bytes} of {exact} bytes");
    }
}
