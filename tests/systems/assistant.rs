//! E. Tiers: three windows at once, statistics for each user, a tier without limits, a health endpoint without any.

use throttler_lab::TcpSink;

use crate::{
    abuse_log,
    sources::Family,
    system::{Outcome, System},
};

const FILE: &str = "assistant.toml";
const ASSISTANT: u16 = 8501;
const HEALTH: u16 = 8502;

#[test]
fn three_windows_hold_and_give_statistics() {
    let system = System::start("e-windows", FILE);
    let sink = TcpSink::new(&system.lab, &[ASSISTANT]).expect("a sink");
    for family in Family::BOTH {
        let src = family.stranger(1);
        system.assert_connects(&sink, src, ASSISTANT, 10, 14);
        for (window, rate, limit) in [
            ("minute", "10/min", 10),
            ("hourly", "100/hour", 100),
            ("daily", "500/day", 500),
        ] {
            // The statistics the system wants: `current`, `limit`, `remaining`.
            let found = system.limit(src, "assistant", window);
            let number = |key: &str| found[key].as_u64().expect("a number");
            let current = number("burst") - number("remaining");
            assert_eq!((current, number("burst")), (10, limit), "{found}");
            assert_eq!(found["rate"], rate);
            assert!(found["reset_s"].as_f64().expect("seconds") > 0.0);
        }
        let told = abuse_log::refusal(&system, src, "assistant");
        assert_eq!(
            (&*told["limit"], &*told["reason"]),
            ("minute", "over_limit")
        );
        // `explain` has the same numbers for one user.
        let address = src.to_string();
        let port = ASSISTANT.to_string();
        let explained = system
            .daemon
            .json(&["explain", &address, "--port", &port, "-o", "json"])
            .expect("JSON");
        let bucket = &explained["buckets"][0];
        assert_eq!(
            (&bucket["scope"], &bucket["verdict"]),
            (&"assistant".into(), &"drop".into())
        );
        assert_eq!(bucket["limits"][0]["remaining"], 0);
    }
}

#[test]
fn the_statistics_follow_each_request() {
    let system = System::start("e-follow", FILE);
    let src = Family::V4.stranger(2);
    for used in 1..=10 {
        let outcome = system.offer(src, "assistant", ASSISTANT, 1);
        assert_eq!(outcome.passed, 1);
        // Of the daily window nothing comes back within the test (172 s each).
        let daily = system.limit(src, "assistant", "daily");
        assert_eq!(daily["remaining"], 500 - used);
    }
}

#[test]
fn the_unmetered_tier_and_the_health_endpoint_are_unlimited() {
    let system = System::start("e-unlimited", FILE);
    let sink = TcpSink::new(&system.lab, &[ASSISTANT, HEALTH]).expect("a sink");
    for family in Family::BOTH {
        system.assert_connects(&sink, family.member(2, 9), ASSISTANT, 50, 50);
        let unmetered = family.member(2, 1);
        system.assert_all_pass(unmetered, "assistant", ASSISTANT, 600, "unlimited");
        assert_eq!(system.bucket(unmetered, "assistant")["plan"], "unmetered");

        let staff = family.member(9, 1);
        system.assert_all_pass(staff, "assistant", ASSISTANT, 600, "exempt");

        // A client that has used up its requests can still ask for the health.
        let busy = [3, 4].map(|host| family.stranger(host));
        for src in busy {
            let outcome = system.offer(src, "assistant", ASSISTANT, 20);
            assert_eq!(
                outcome,
                Outcome {
                    passed: 10,
                    dropped: 10
                }
            );
        }
        system.assert_connects(&sink, busy[0], HEALTH, 50, 50);
        system.assert_all_pass(busy[1], "health", HEALTH, 600, "unlimited");
    }
    let counters = system.daemon.counters().expect("counters");
    assert_eq!(counters.reason("health", "over_limit"), (0, 0));
    assert_eq!(counters.dropped, 40, "of the busy clients alone");
}
