//! Bans of many sources of one /24 or /48 ban all of it for a while.

use std::net::{IpAddr, Ipv4Addr};

use throttler_common::abi::{Addr, Event, NO_LIMIT, SlotRecord};
use throttler_common::ban::{Ban, MOMENT_SHIFT};
use throttler_common::notice::Kind;
use throttler_common::{Family, Reason};

use crate::contention::on_two_cpus;
use crate::harness::{MINUTE, Program, SECOND, START};
use crate::traffic::{ip, syn, udp};

const MOMENT: u64 = 1 << MOMENT_SHIFT;

/// One conforms in a day, two refusals ban, and three banned sources ban the prefix.
const POLICY: &str = r#"
    [scopes.web]
    match = [{ protocol = "tcp" }]
    limits = { burst = { rate = "1/day" } }
    [scopes.default.limits]
    burst = { rate = "1/day" }
    [abuse]
    ban_after = { refusals = 2, within = "10s" }
    ban_for = "1min"
    ban_max = "1h"
    widen_after = { sources = 3, within = "10min" }
    [plans.free]
    default = "unlimited"
    [[sources]]
    from = ["192.0.2.77/32", "2001:db8:1:77::/64"]
    exempt = true
    [[sources]]
    from = ["192.0.2.66/32"]
    block = true
    [[sources]]
    from = ["192.0.2.88/32"]
    plan = "free"
"#;

fn at(program: &Program, now: u64, source: &str) -> Reason {
    program.run(now, &udp(ip(source), 53, 10)).reason
}

/// Has a source banned; it may have used its burst before.
fn ban(program: &Program, now: u64, source: &str) {
    for _ in 0..10 {
        match at(program, now, source) {
            Reason::Banned => return,
            Reason::Conforming | Reason::OverLimit | Reason::Monitored => {}
            other => panic!("{source} is {other}"),
        }
    }
    panic!("{source} is not banned");
}

fn kinds(events: &[Event], kind: Kind) -> Vec<Event> {
    let found = events.iter().filter(|event| event.kind == kind as u8);
    found.copied().collect()
}

fn parent(program: &Program, prefix: &str) -> SlotRecord {
    let (family, addr) = match ip(prefix) {
        IpAddr::V4(v4) => (Family::V4, Addr::from_v4(v4.octets())),
        IpAddr::V6(v6) => (Family::V6, Addr::from_bytes(v6.octets())),
    };
    let found = program.tables().sources.parent(family.index(), &addr, 0);
    found.expect("a known prefix")
}

fn end(program: &Program, prefix: &str) -> u64 {
    Ban(parent(program, prefix).ban).until() << MOMENT_SHIFT
}

#[test]
fn banned_sources_of_one_prefix_ban_it() {
    for (prefix, sources, bystanders, elsewhere, exempt) in [
        (
            "192.0.2.0",
            ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
            ["192.0.2.200", "192.0.2.201", "192.0.2.88"],
            ["192.0.3.1", "192.0.1.255"],
            "192.0.2.77",
        ),
        (
            "2001:db8:1::",
            ["2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1"],
            [
                "2001:db8:1:200::1",
                "2001:db8:1:201::1",
                "2001:db8:1:ffff::",
            ],
            ["2001:db8:2::1", "2001:db8:0:ffff::1"],
            "2001:db8:1:77::9",
        ),
    ] {
        let program = Program::new(POLICY);
        ban(&program, START, sources[0]);
        ban(&program, START, sources[1]);
        let first = at(&program, START, bystanders[0]);
        assert_eq!(first, Reason::Conforming, "after two bans");
        assert_eq!(kinds(&program.events(), Kind::WiderBan), []);
        ban(&program, START, sources[2]);
        for source in bystanders {
            assert_eq!(at(&program, START, source), Reason::Banned, "{source}");
        }
        assert_eq!(at(&program, START, exempt), Reason::Exempt);
        for source in elsewhere {
            assert_eq!(at(&program, START, source), Reason::Conforming, "{source}");
        }
        // Another scope is not concerned.
        let web = program.run(START, &syn(ip(sources[0]), 80));
        assert_eq!(web.reason, Reason::Conforming);
        // Whoever is only near pays with no token.
        let record = program.record(ip(bystanders[1]), "default");
        assert_eq!(record.expect("a known source").tat, [0; 4]);

        let events = program.events();
        let told = kinds(&events, Kind::WiderBan);
        let [event] = told[..] else {
            panic!("one event: {events:?}")
        };
        assert_eq!(event.source, parent(&program, prefix).addr);
        assert_eq!((event.at, event.scope, event.refused), (START, 0, 3));
        assert_eq!((event.bans, event.limit), (1, NO_LIMIT));
        assert!((MINUTE..=MINUTE + 2 * MOMENT).contains(&event.retry_after));
        assert_eq!(kinds(&events, Kind::Ban).len(), 1, "{events:?}");
    }
}

#[test]
fn blocked_stays_blocked() {
    let program = Program::new(POLICY);
    for source in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        ban(&program, START, source);
    }
    assert_eq!(at(&program, START, "192.0.2.66"), Reason::Blocked);
}

#[test]
fn a_prefix_ban_ends_by_itself_and_that_is_told_once() {
    for (prefix, sources, near) in [
        (
            "192.0.2.0",
            ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
            ["192.0.2.200", "192.0.2.201"],
        ),
        (
            "2001:db8:1::",
            ["2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1"],
            ["2001:db8:1:200::1", "2001:db8:1:201::1"],
        ),
    ] {
        let program = Program::new(POLICY);
        for source in sources {
            ban(&program, START, source);
        }
        let end = end(&program, prefix);
        assert!((MINUTE..=MINUTE + 2 * MOMENT).contains(&(end - START)));
        assert_eq!(at(&program, end - 1, near[0]), Reason::Banned);
        program.events();
        assert_eq!(at(&program, end, near[0]), Reason::Conforming);
        assert_eq!(at(&program, end, near[1]), Reason::Conforming);
        assert_eq!(at(&program, end, near[0]), Reason::OverLimit);
        let events = program.events();
        let told = kinds(&events, Kind::WiderUnban);
        let [event] = told[..] else {
            panic!("one event: {events:?}")
        };
        assert_eq!(event.source, parent(&program, prefix).addr);
        assert_eq!((event.at, event.scope, event.retry_after), (end, 0, 0));
        // The next one is twice as long.
        for source in sources {
            ban(&program, end + 10 * MINUTE + SECOND, source);
        }
        let told = kinds(&program.events(), Kind::WiderBan);
        let lengths: Vec<_> = told
            .iter()
            .map(|e| (e.retry_after / SECOND, e.bans))
            .collect();
        assert_eq!(lengths, [(120, 2)]);
    }
}

#[test]
fn a_source_that_is_banned_again_counts_once() {
    let program = Program::new(POLICY);
    let mut now = START;
    for _ in 0..3 {
        ban(&program, now, "192.0.2.1");
        let record = program.record(ip("192.0.2.1"), "default");
        now = Ban(record.expect("a known source").ban).until() << MOMENT_SHIFT;
    }
    assert!(now < START + 10 * MINUTE);
    ban(&program, now, "192.0.2.2");
    assert_eq!(at(&program, now, "192.0.2.200"), Reason::Conforming);
    ban(&program, now, "192.0.2.3");
    assert_eq!(at(&program, now, "192.0.2.200"), Reason::Banned);
}

#[test]
fn bans_further_apart_than_the_window_do_not_add_up() {
    let program = Program::new(POLICY);
    ban(&program, START, "192.0.2.1");
    ban(&program, START + 9 * MINUTE, "192.0.2.2");
    let late = START + 10 * MINUTE + SECOND;
    ban(&program, late, "192.0.2.3");
    assert_eq!(at(&program, late, "192.0.2.200"), Reason::Conforming);
    assert_eq!(kinds(&program.events(), Kind::WiderBan), []);
}

#[test]
fn sources_of_several_prefixes_do_not_add_up() {
    let program = Program::new(POLICY);
    for prefix in 0..50 {
        for host in 1..3 {
            ban(&program, START, &format!("198.18.{prefix}.{host}"));
        }
    }
    assert_eq!(kinds(&program.events(), Kind::WiderBan), []);
    assert_eq!(at(&program, START, "198.18.0.200"), Reason::Conforming);
}

#[test]
fn monitor_mode_drops_nothing_of_a_banned_prefix() {
    let program = Program::new(&format!("[throttler]\nmode = \"monitor\"\n{POLICY}"));
    for source in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        for _ in 0..4 {
            at(&program, START, source);
        }
    }
    assert_eq!(at(&program, START, "192.0.2.200"), Reason::Monitored);
    assert_eq!(at(&program, START, "192.0.2.201"), Reason::Monitored);
    let counters = program.counters();
    assert!(
        counters
            .keys()
            .all(|(_, reason)| { matches!(reason, Reason::Conforming | Reason::Monitored) })
    );
    let told = kinds(&program.events(), Kind::WiderBan);
    let monitored: Vec<_> = told.iter().map(|event| event.monitored).collect();
    assert_eq!(
        monitored,
        [1],
        "a ban that drops nothing is told of as such"
    );
}

#[test]
fn two_cpus_give_a_prefix_one_ban() {
    const PREFIXES: u8 = 100;
    let program = Program::new(POLICY);
    on_two_cpus(true, |cpu| {
        for prefix in 0..PREFIXES {
            for turn in 0..6 {
                let source = Ipv4Addr::new(198, 18, prefix, 2 * turn + cpu as u8);
                let frame = udp(source.into(), 53, 10);
                for _ in 0..4 {
                    program.run_raw(START, &frame);
                }
            }
        }
    });
    let told = kinds(&program.events(), Kind::WiderBan);
    let mut prefixes: Vec<_> = told.iter().map(|event| event.source).collect();
    prefixes.sort_unstable();
    prefixes.dedup();
    assert_eq!((told.len(), prefixes.len()), (100, 100));
    assert!(
        told.iter()
            .all(|event| event.bans == 1 && event.refused == 3)
    );
    for prefix in 0..PREFIXES {
        let found = parent(&program, &format!("198.18.{prefix}.0"));
        assert_eq!(Ban(found.ban).times(), 1, "{found:?}");
        let near = at(&program, START, &format!("198.18.{prefix}.200"));
        assert_eq!(near, Reason::Banned, "{prefix}");
    }
}
