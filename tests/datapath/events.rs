//! Events tell of refusals: at most one a source, scope and second, and their numbers add up.

use std::collections::BTreeMap;

use throttler_common::abi::{Addr, LAYER_LIMIT, NO_LIMIT};
use throttler_common::{Reason, Verdict};

use crate::harness::{MINUTE, Program, Rng, SECOND, START};
use crate::traffic::{ip, syn, udp};

const POLICY: &str = r#"
    [scopes.web]
    match = [{ protocol = "tcp" }]
    limits = { burst = { rate = "3/min" }, flood = { rate = "100/s" } }
    [scopes.default.limits]
    burst = { rate = "3/min" }
"#;

#[test]
fn at_most_one_a_source_scope_and_second() {
    let program = Program::new(POLICY);
    let (mut rng, mut now) = (Rng::new(11), START);
    let sources = ["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(ip);
    let mut refused: BTreeMap<(Addr, u8), u64> = BTreeMap::new();
    let mut events = Vec::new();
    for _ in 0..5_000 {
        now += rng.below(SECOND / 20);
        let source = rng.pick(&sources);
        let (frame, scope) = if rng.one_in(2) {
            (syn(source, 80), 1)
        } else {
            (udp(source, 53, 1), 0)
        };
        if program.run(now, &frame).reason.verdict() == Verdict::Drop {
            let addr = match source {
                std::net::IpAddr::V4(v4) => Addr::from_v4(v4.octets()),
                std::net::IpAddr::V6(v6) => Addr::from_bytes(v6.octets()).masked(Addr::mask(64)),
            };
            *refused.entry((addr, scope)).or_default() += 1;
        }
        // Read now and then, as a daemon does; the ring keeps what was not read yet.
        if rng.one_in(100) {
            events.extend(program.events());
        }
    }
    events.extend(program.events());
    assert_eq!(program.stats().events_sent, events.len() as u64);
    assert_eq!(program.stats().events_lost, 0);

    let mut last: BTreeMap<(Addr, u8), (u64, u64)> = BTreeMap::new();
    for event in &events {
        let key = (event.source, event.scope);
        let (at, total) = last.get(&key).copied().unwrap_or_default();
        assert!(
            at == 0 || event.at >= at + SECOND,
            "{event:?} within a second of {at}"
        );
        let refused = u64::from(event.refused);
        assert_eq!(event.refused_total, total + refused, "{event:?}");
        last.insert(key, (event.at, event.refused_total));
    }
    // About two minutes of refusals: an event for nearly each second of each source and scope.
    assert!(events.len() > 400, "only {} events", events.len());
    for (key, refused) in refused {
        let (at, told) = last[&key];
        assert!(
            told <= refused && at + SECOND + SECOND > now,
            "{key:?}: told of {told} of {refused}"
        );
        let scope = if key.1 == 1 { "web" } else { "default" };
        let mut counted = sources
            .iter()
            .filter_map(|source| program.record(*source, scope));
        assert!(
            counted.any(|record| record.addr == key.0 && record.refused == refused),
            "{key:?}"
        );
    }
}

#[test]
fn an_event_says_who_why_and_for_how_long() {
    let program = Program::new(&format!(
        r#"{POLICY}
        [layers.all]
        scopes = ["default"]
        limits = {{ total = {{ rate = "2/min" }} }}
        [plans.pro.web]
        burst = "1/min"
        [[sources]]
        from = ["198.51.100.7/32"]
        plan = "pro"
        [[sources]]
        from = ["192.0.2.66/32"]
        block = true"#
    ));
    let told = |frame: &[u8]| {
        program.run(START, frame);
        program.events()
    };
    assert_eq!(told(&syn(ip("198.51.100.7"), 80)), []);
    let [event] = told(&syn(ip("198.51.100.7"), 80))[..] else {
        panic!("one event")
    };
    assert_eq!(
        (event.at, event.source, event.family),
        (START, Addr::from_v4([198, 51, 100, 7]), 4)
    );
    assert_eq!(
        (event.scope, event.limit, event.reason),
        (1, 0, Reason::OverLimit as u8)
    );
    assert_eq!((event.plan, event.generation, event.monitored), (1, 1, 0));
    assert_eq!(
        (event.refused, event.refused_total, event.retry_after),
        (1, 1, MINUTE)
    );

    let [event] = told(&udp(ip("192.0.2.66"), 53, 1))[..] else {
        panic!("one event")
    };
    assert_eq!(
        (event.reason, event.limit, event.retry_after),
        (Reason::Blocked as u8, NO_LIMIT, 0)
    );

    let over_layer: Vec<_> = (0..3)
        .flat_map(|_| told(&udp(ip("2001:db8::9"), 53, 1)))
        .collect();
    let [event] = over_layer[..] else {
        panic!("one event")
    };
    assert_eq!(
        (event.scope, event.limit, event.family),
        (0, LAYER_LIMIT, 6)
    );
    let subnet = Addr::from_bytes(
        "2001:db8::"
            .parse::<std::net::Ipv6Addr>()
            .expect("an address")
            .octets(),
    );
    assert_eq!((event.source, event.retry_after), (subnet, 30 * SECOND));
}

#[test]
fn monitor_mode_tells_what_it_would_have_done() {
    let program = Program::new(&format!("[throttler]\nmode = \"monitor\"\n{POLICY}"));
    for _ in 0..4 {
        program.run(START, &udp(ip("192.0.2.1"), 53, 1));
    }
    let [event] = program.events()[..] else {
        panic!("one event")
    };
    assert_eq!(
        (event.reason, event.monitored),
        (Reason::OverLimit as u8, 1)
    );
}

#[test]
fn events_that_find_the_ring_full_are_counted() {
    let program = Program::new(
        r#"[[sources]]
           from = ["10.0.0.0/8"]
           block = true"#,
    );
    // One event each; 1 MiB holds fewer of them.
    let sent = 16_000_u32;
    for source in 0..sent {
        // A thousand in two seconds: no CPU keeps any of them for later.
        let now = START + 2 * SECOND * u64::from(source / 1_000);
        let source = std::net::Ipv4Addr::from_bits(10 << 24 | source);
        program.run(now, &udp(source.into(), 53, 1));
    }
    let (stats, events) = (program.stats(), program.events().len() as u64);
    assert_eq!(stats.events_sent, events);
    assert_eq!(stats.events_sent + stats.events_lost, u64::from(sent));
    assert!(stats.events_lost > 0, "the ring took all {sent}");
}

#[test]
fn more_events_than_a_cpu_may_write_in_a_second_are_told_later() {
    // Room enough that no blocked source, which says nothing, makes place for another.
    let program = Program::sized(
        r#"[[sources]]
           from = ["10.0.0.0/8"]
           block = true"#,
        1 << 17,
    );
    let refuse = |sources: std::ops::Range<u32>, now| {
        for source in sources {
            let source = std::net::Ipv4Addr::from_bits(10 << 24 | source);
            program.run_raw(now, &udp(source.into(), 53, 1));
        }
    };
    refuse(0..10_000, START);
    let told = program.events();
    // 4,096 a CPU, and a test may move from one to another.
    assert!((4_096..=8_192).contains(&told.len()), "{}", told.len());
    assert_eq!(program.stats().events_lost, 0);
    refuse(9_000..10_000, START + 2 * SECOND);
    let later = program.events();
    assert_eq!(later.len(), 1_000);
    for event in later {
        let before = told.iter().any(|told| told.source == event.source);
        assert_eq!(event.refused_total, 2);
        assert_eq!(
            event.refused,
            2 - u32::from(before),
            "each refusal is told once"
        );
    }
}
