//! A new policy is in force at once and as a whole; buckets whose rates did not change keep every tick.

use throttler_common::Reason;

use crate::harness::{MINUTE, Program, SECOND, START, wall};
use crate::traffic::{ip, passing, udp};

fn policy(rate: &str) -> String {
    format!("[scopes.default.limits]\nburst = {{ rate = \"{rate}\" }}\n")
}

#[test]
fn unchanged_limits_keep_their_buckets() {
    let mut program = Program::new(&policy("10/min"));
    let source = ip("192.0.2.1");
    let frame = udp(source, 53, 1);
    assert_eq!(passing(&program, START, &frame, 7), 7);
    let before = program
        .record(source, "default")
        .expect("a known source")
        .tat;
    for generation in 2..60 {
        // Something else changes each time, even the order of scopes.
        let other = "[scopes.other]\nmatch = [{ protocol = \"tcp\" }]\nlimits = { all = { rate = \"1/s\" } }\n";
        let text = if generation % 3 == 0 {
            format!("{other}{}", policy("10/min"))
        } else {
            policy("10/min")
        };
        program.publish(&text);
        assert_eq!(program.policy().head.generation, generation);
    }
    assert_eq!(passing(&program, START, &frame, 100), 3);
    let after = program
        .record(source, "default")
        .expect("a known source")
        .tat;
    assert_eq!(after[0], before[0] + 3 * 6 * SECOND * 64);
}

#[test]
fn a_limit_keeps_its_bucket_by_name() {
    let mut program = Program::new(
        r#"[scopes.default.limits]
           one = { rate = "3/min" }
           two = { rate = "50/hour" }"#,
    );
    let frame = udp(ip("192.0.2.1"), 53, 1);
    assert_eq!(passing(&program, START, &frame, 10), 3);
    program.publish(
        r#"[scopes.default.limits]
           zero = { rate = "100/day" }
           two = { rate = "50/hour" }
           one = { rate = "3/min" }"#,
    );
    let answer = program.run(START, &frame);
    assert_eq!(
        (answer.reason, answer.limit.as_deref()),
        (Reason::OverLimit, Some("one"))
    );
    // Without `one`, 47 are left of `two`.
    program.publish("[scopes.default.limits]\ntwo = { rate = \"50/hour\" }");
    assert_eq!(passing(&program, START, &frame, 100), 47);
}

#[test]
fn changing_rates_back_and_forth_does_not_refill() {
    let mut program = Program::new(&policy("10/min"));
    let frame = udp(ip("192.0.2.1"), 53, 1);
    let mut admitted = passing(&program, START, &frame, 4);
    for turn in 0..100 {
        program.publish(&policy(if turn % 2 == 0 { "20/min" } else { "10/min" }));
        admitted += passing(&program, START, &frame, if turn < 20 { 1 } else { 5 });
    }
    assert!(
        admitted <= 20,
        "{admitted} at one instant, of a burst of 10 or 20"
    );
    assert!(
        admitted >= 10,
        "{admitted} at one instant: changing rates has cost tokens"
    );
}

#[test]
fn changing_the_period_back_and_forth_does_not_refill() {
    let mut program = Program::new(&policy("10/min"));
    let frame = udp(ip("192.0.2.1"), 53, 1);
    let mut admitted = passing(&program, START, &frame, 20);
    for turn in 0..100 {
        program.publish(&policy(if turn % 2 == 0 { "10/s" } else { "10/min" }));
        admitted += passing(&program, START, &frame, 20);
    }
    // One refill, of the first change, may be a matter of opinion; one with each change is not.
    assert!(
        admitted <= 20,
        "{admitted} at one instant, of a burst of 10"
    );
}

#[test]
fn a_faster_rate_lets_an_exhausted_source_back_within_its_window() {
    let mut program = Program::new(&policy("100/day"));
    let frame = udp(ip("192.0.2.1"), 53, 1);
    assert_eq!(passing(&program, START, &frame, 200), 100);
    program.publish(&policy("10/s"));
    assert_eq!(
        passing(&program, START, &frame, 20),
        0,
        "a change of rate refills nothing"
    );
    assert_eq!(passing(&program, START + SECOND / 10, &frame, 20), 1);
    assert_eq!(
        passing(&program, START + SECOND + SECOND / 10, &frame, 20),
        10
    );
}

#[test]
fn a_smaller_burst_does_not_keep_a_source_out_beyond_its_window() {
    let limit = |burst| {
        format!("[scopes.default.limits]\nburst = {{ rate = \"10/min\", burst = {burst} }}\n")
    };
    let mut program = Program::new(&limit(1_000));
    let frame = udp(ip("192.0.2.1"), 53, 1);
    assert_eq!(passing(&program, START, &frame, 2_000), 1_000);
    program.publish(&limit(10));
    assert_eq!(passing(&program, START, &frame, 20), 0);
    // Ten a minute with a burst of ten: a minute later it is full, whatever was before.
    assert_eq!(passing(&program, START + MINUTE, &frame, 20), 10);
}

#[test]
fn a_plan_given_to_a_known_source_holds_at_once() {
    let base = format!(
        "{}[plans.pro.default]\nburst = \"100/s\"\n",
        policy("10/min")
    );
    let mut program = Program::new(&base);
    let frame = udp(ip("192.0.2.1"), 53, 1);
    assert_eq!(passing(&program, START, &frame, 20), 10);
    program.publish(&format!(
        "{base}[[sources]]\nfrom = [\"192.0.2.1/32\"]\nplan = \"pro\"\n"
    ));
    assert_eq!(passing(&program, START, &frame, 200), 0);
    assert_eq!(passing(&program, START + SECOND, &frame, 200), 100);
    program.publish(&format!(
        "{base}[[sources]]\nfrom = [\"192.0.2.1/32\"]\nblock = true\n"
    ));
    assert_eq!(program.run(START + SECOND, &frame).reason, Reason::Blocked);
    let end = wall(START + 5 * SECOND);
    program.publish(&format!(
        "{base}[[sources]]\nfrom = [\"192.0.2.0/24\"]\nexempt = true\nuntil = \"{end}\"\n"
    ));
    assert_eq!(program.run(START + SECOND, &frame).reason, Reason::Exempt);
}

#[test]
fn scopes_that_come_and_go_keep_their_counters() {
    let web = "[scopes.web]\nmatch = [{ protocol = \"udp\", ports = [\"53\"] }]\nlimits = { all = { rate = \"5/min\" } }\n";
    let mut program = Program::new(&format!("{web}{}", policy("10/min")));
    let frame = udp(ip("192.0.2.1"), 53, 1);
    assert_eq!(passing(&program, START, &frame, 4), 4);
    program.publish(&policy("10/min"));
    assert_eq!(program.run(START, &frame).scope, "default");
    program.publish(&format!(
        "[scopes.new]\nmatch = [{{ protocol = \"tcp\" }}]\n{}{web}",
        policy("10/min")
    ));
    assert_eq!(program.run(START, &frame).scope, "web");
    assert_eq!(program.run(START, &frame).reason, Reason::OverLimit);
    let counters = program.counters();
    let counted = |scope: &str, reason| counters.get(&(scope.to_owned(), reason)).map(|c| c.0);
    assert_eq!(counted("web", Reason::Conforming), Some(5));
    assert_eq!(counted("web", Reason::OverLimit), Some(1));
    assert_eq!(counted("default", Reason::Conforming), Some(1));
    assert_eq!(counted("new", Reason::Conforming), None);
}
