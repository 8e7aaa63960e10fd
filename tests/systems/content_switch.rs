//! A. Its debug switch, and limits that come back.

use std::time::{Duration, Instant};

use throttler_lab::TcpSink;

use crate::{sources::Family, system::System};

const FILE: &str = "content-platform.toml";

#[test]
fn the_debug_switch_lets_all_pass_and_restores_the_buckets() {
    let system = System::start("a-switch", FILE);
    let sink = TcpSink::new(&system.lab, &[8106]).expect("a sink");
    let src = Family::V4.stranger(1);
    let started = Instant::now();
    assert_eq!(system.offer(src, "auth_strict", 8106, 6).dropped, 1);

    let output = system.daemon.cli(&["pause"]).expect("an end");
    assert_eq!(output.code(), Some(0), "{output:?}");
    let client = Family::V4.stranger(2);
    system.assert_connects(&sink, client, 8106, 20, 20);
    system.syns(src, 8106, 20);
    let paused = |counters: &throttler_lab::Counters| counters.reason("auth_strict", "paused").0;
    // SYN, ACK and RST of 20 connections, and 20 SYNs.
    let counters = system
        .daemon
        .wait_counters(|counters| paused(counters) == 80, Duration::from_secs(10))
        .expect("all pass");
    assert_eq!(counters.dropped, 1, "only what came before");

    let output = system.daemon.cli(&["resume"]).expect("an end");
    assert_eq!(output.code(), Some(0), "{output:?}");
    // 5/min: one comes back every 12 s, paused or not.
    let outcome = system.offer(src, "auth_strict", 8106, 5);
    let back = started.elapsed().as_secs() / 12;
    assert!(
        outcome.passed <= back,
        "{outcome:?}: the bucket was full again"
    );
    // Whoever came during the pause was charged nothing.
    system.assert_connects(&sink, Family::V4.stranger(3), 8106, 5, 6);
    let charged = system.bucket(client, "auth_strict");
    assert!(charged.is_null(), "{charged}");
}

#[test]
fn a_timed_pause_ends_by_itself() {
    let system = System::start("a-timed", FILE);
    let src = Family::V6.stranger(1);
    assert_eq!(system.offer(src, "auth_strict", 8106, 6).dropped, 1);
    let output = system
        .daemon
        .cli(&["pause", "--for", "1s"])
        .expect("an end");
    assert_eq!(output.code(), Some(0), "{output:?}");
    let end = Instant::now() + Duration::from_secs(10);
    while system.reason("auth_strict", "over_limit") == 1 {
        assert!(Instant::now() < end, "still paused");
        system.syns(src, 8106, 1);
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn limits_come_back_one_by_one() {
    let system = System::start("a-back", FILE);
    // 20/min: one every 3 s; 10/min: one every 6 s.
    for (scope, port, count, every) in [("auth", 8105, 20, 3), ("ai_function", 8101, 10, 6)] {
        let src = Family::V4.stranger(3);
        let started = Instant::now();
        system.assert_admits(src, scope, port, count, Duration::from_secs(60));
        system.retry_until_passed(src, scope, port);
        let took = started.elapsed();
        assert!(
            took >= Duration::from_secs(every),
            "{scope}: back after {took:?}"
        );
        // From a full bucket, no more than the rate gives ever passes.
        let passed = system.bucket(src, scope)["passed"]["packets"].clone();
        let passed = passed.as_u64().expect("a count");
        let due = count + started.elapsed().as_secs() / every;
        assert!(passed <= due, "{scope}: {passed} of {due}");
    }
}
