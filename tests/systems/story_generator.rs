//! C. Token buckets with fractional rates: the burst at once, then the refill.

use std::time::{Duration, Instant};

use throttler_lab::TcpSink;

use crate::{sources::Family, system::System};

const FILE: &str = "story-generator.toml";
const ANONYMOUS: u8 = 40;
const AUTHENTICATED: u8 = 1;

/// Group, scope, port, burst, and the time in which the burst comes back.
const CLASSES: [(u8, &str, u16, u64, u64); 6] = [
    (ANONYMOUS, "ai", 8301, 2, 4000),
    (AUTHENTICATED, "ai", 8301, 5, 2500),
    (ANONYMOUS, "api", 8302, 10, 2000),
    (AUTHENTICATED, "api", 8302, 20, 2000),
    (ANONYMOUS, "auth", 8303, 3, 6000),
    (AUTHENTICATED, "auth", 8303, 3, 6000),
];

#[test]
fn the_burst_passes_at_once_and_no_more() {
    let system = System::start("c-burst", FILE);
    for family in Family::BOTH {
        for (group, scope, port, burst, back_in) in CLASSES {
            let src = family.member(group, 1);
            system.assert_admits(src, scope, port, burst, Duration::from_millis(back_in));
            let limit = system.limit(src, scope, "requests");
            assert_eq!(limit["burst"], burst, "{limit}");
        }
    }
}

#[test]
fn real_connections_are_held_to_the_burst() {
    let system = System::start("c-connect", FILE);
    let sink = TcpSink::new(&system.lab, &[8301, 8303]).expect("a sink");
    for family in Family::BOTH {
        let [anonymous, login] = [1, 2].map(|host| family.member(ANONYMOUS, host));
        system.assert_connects(&sink, anonymous, 8301, 2, 6);
        system.assert_connects(&sink, login, 8303, 3, 6);
        let limit = system.limit(anonymous, "ai", "requests");
        assert_eq!(
            (&limit["rate"], &limit["burst"]),
            (&"0.5/s".into(), &2.into())
        );
        assert_eq!(system.bucket(anonymous, "ai")["dropped"]["packets"], 4);
    }
}

#[test]
fn half_a_request_a_second_is_one_every_two() {
    let system = System::start("c-refill", FILE);
    for (scope, port, burst) in [("ai", 8301, 2), ("auth", 8303, 3)] {
        let src = Family::V4.member(ANONYMOUS, 9);
        let started = Instant::now();
        // Refused for the first time, so empty.
        while system.offer(src, scope, port, 1).dropped == 0 {}
        let mut passed = system.bucket(src, scope)["passed"]["packets"]
            .as_u64()
            .expect("a count");
        for _ in 0..2 {
            system.retry_until_passed(src, scope, port);
            passed += 1;
            // Admitted at most: burst + rate * time.
            let due = burst + started.elapsed().as_secs() / 2;
            assert!((burst + 1..=due).contains(&passed), "{passed} of {due}");
        }
    }
}

#[test]
fn the_authenticated_and_the_anonymous_differ() {
    let system = System::start("c-classes", FILE);
    for family in Family::BOTH {
        for (group, class, rates) in [
            (ANONYMOUS, "default", ["0.5/s", "5/s", "0.5/s"]),
            (AUTHENTICATED, "plan", ["2/s", "10/s", "0.5/s"]),
        ] {
            let src = family.member(group, 3);
            for ((scope, port), rate) in [("ai", 8301), ("api", 8302), ("auth", 8303)]
                .into_iter()
                .zip(rates)
            {
                system.offer(src, scope, port, 1);
                assert_eq!(system.bucket(src, scope)["class"], class);
                assert_eq!(system.limit(src, scope, "requests")["rate"], rate);
            }
        }
    }
}
