//! A. Scoped API limits: its acceptance list, request by request.

use std::time::Duration;

use throttler_lab::TcpSink;

use crate::{
    abuse_log,
    sources::Family,
    system::{Outcome, System},
};

const FILE: &str = "content-platform.toml";
const MINUTE: Duration = Duration::from_secs(60);

/// Every row of the system's table: scope, requests a minute, the port that stands for its endpoints.
const SCOPES: [(&str, u64, u16); 15] = [
    ("ai_function", 10, 8101),
    ("image_gen", 15, 8102),
    ("content_write", 30, 8103),
    ("content_read", 100, 8104),
    ("auth", 20, 8105),
    ("auth_strict", 5, 8106),
    ("planner", 60, 8107),
    ("planner_ai", 10, 8108),
    ("writer", 60, 8109),
    ("writer_ai", 10, 8110),
    ("system", 100, 8111),
    ("system_admin", 30, 8112),
    ("billing", 30, 8113),
    ("billing_admin", 10, 8114),
    ("default", 100, 9999),
];

#[test]
fn the_eleventh_of_ten_a_minute_is_refused() {
    let system = System::start("a-eleven", FILE);
    let sink = TcpSink::new(&system.lab, &[8101]).expect("a sink");
    for (families, family) in Family::BOTH.into_iter().enumerate() {
        let src = family.stranger(11);
        system.assert_connects(&sink, src, 8101, 10, 11);
        let bucket = system.bucket(src, "ai_function");
        assert_eq!(
            (&bucket["class"], &bucket["plan"]),
            (&"default".into(), &().into())
        );
        // SYN, ACK and RST of each connection pass; the eleventh is its SYN alone.
        assert_eq!(
            (&bucket["passed"]["packets"], &bucket["dropped"]["packets"]),
            (&30.into(), &1.into())
        );
        let limit = system.limit(src, "ai_function", "requests");
        assert_eq!(
            (&limit["rate"], &limit["unit"]),
            (&"10/min".into(), &"connections".into())
        );
        assert_eq!(
            (&limit["burst"], &limit["remaining"]),
            (&10.into(), &0.into())
        );
        let retry = limit["retry_after_s"].as_f64().expect("seconds");
        assert!(retry > 0.0 && retry <= 6.0, "{limit}");
        let reset = limit["reset_s"].as_f64().expect("seconds");
        assert!(reset > 50.0 && reset <= 60.0, "{limit}");
        let counters = system.daemon.counters().expect("counters");
        let families = families as u64 + 1;
        assert_eq!(counters.reason("ai_function", "over_limit").0, families);
        assert_eq!(
            counters.reason("ai_function", "conforming").0,
            30 * families
        );
        assert_eq!(
            (counters.packets, counters.dropped),
            (31 * families, families)
        );
        assert_eq!(
            (&*counters.xdp_mode, &*counters.mode),
            ("native", "enforce")
        );
        let told = abuse_log::refusal(&system, src, "ai_function");
        assert_eq!(
            (&*told["limit"], &*told["rate"], &*told["refused"]),
            ("requests", "10/min", "1")
        );
    }
}

#[test]
fn sixteen_of_fifteen_and_twenty_one_of_twenty() {
    let system = System::start("a-sixteen", FILE);
    for (scope, port, count) in [("image_gen", 8102, 15), ("auth", 8105, 20)] {
        let sink = TcpSink::new(&system.lab, &[port]).expect("a sink");
        let src = Family::V4.stranger(21);
        system.assert_connects(&sink, src, port, count, count + 1);
        let limit = system.limit(src, scope, "requests");
        assert_eq!(
            (&limit["burst"], &limit["remaining"]),
            (&count.into(), &0.into())
        );
    }
}

#[test]
fn every_scope_admits_exactly_its_count_at_once() {
    let system = System::start("a-scopes", FILE);
    for family in Family::BOTH {
        for (host, (scope, count, port)) in (1..).zip(SCOPES) {
            system.assert_admits(family.stranger(host), scope, port, count, MINUTE);
        }
    }
    let counters = system.daemon.counters().expect("counters");
    let limited: Vec<&str> = SCOPES.iter().map(|(scope, ..)| *scope).collect();
    let all: Vec<&String> = counters.scopes.keys().collect();
    assert_eq!(all.len(), limited.len(), "a scope is not tested: {all:?}");
}

#[test]
fn plans_differ_and_without_one_the_scopes_own_rate_holds() {
    let system = System::start("a-plans", FILE);
    let scopes = [
        ("ai_function", 8101, [10, 100, 1000, 10]),
        ("image_gen", 8102, [15, 50, 200, 15]),
        ("content_write", 8103, [30, 100, 500, 30]),
        // No plan names this one.
        ("auth_strict", 8106, [5, 5, 5, 5]),
    ];
    for family in Family::BOTH {
        // Group 40 is in no plan.
        for (scope, port, counts) in scopes {
            for (group, count) in [1, 2, 3, 40].into_iter().zip(counts) {
                system.assert_admits(family.member(group, 7), scope, port, count, MINUTE);
            }
        }
        for (group, plan) in [
            (1, "free".into()),
            (2, "pro".into()),
            (3, "enterprise".into()),
        ] {
            let bucket = system.bucket(family.member(group, 7), "ai_function");
            assert_eq!((&bucket["class"], &bucket["plan"]), (&"plan".into(), &plan));
        }
        let bucket = system.bucket(family.member(40, 7), "ai_function");
        assert_eq!(
            (&bucket["class"], &bucket["plan"]),
            (&"default".into(), &().into())
        );
    }
}

#[test]
fn two_clients_have_separate_limits() {
    let system = System::start("a-two", FILE);
    let sink = TcpSink::new(&system.lab, &[8101]).expect("a sink");
    for family in Family::BOTH {
        let [one, other] = [1, 2].map(|host| family.stranger(host));
        system.assert_connects(&sink, one, 8101, 10, 12);
        system.assert_connects(&sink, other, 8101, 10, 11);
        // Nor do two scopes of one client share.
        let sixteen = system.offer(one, "image_gen", 8102, 16);
        assert_eq!(
            sixteen,
            Outcome {
                passed: 15,
                dropped: 1
            }
        );
    }
}
