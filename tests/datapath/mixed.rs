//! A source whose addresses have several plans: the bucket is one, whoever charges it.

use throttler_common::Reason;

use crate::harness::{Program, SECOND, START};
use crate::traffic::{ip, passing, udp};

const POLICY: &str = r#"
    [throttler]
    ipv4_prefix = 24
    [scopes.web]
    match = [{ protocol = "udp", ports = ["443"] }]
    limits = { own = { rate = "10/min" } }
    [scopes.dns]
    match = [{ protocol = "udp", ports = ["53"] }]
    [layers.all]
    scopes = ["dns"]
    limits = { total = { rate = "10/min" } }
    [plans.fast]
    web.own = "10/s"
    all.total = "10/s"
    [[sources]]
    from = ["10.0.0.1/32"]
    plan = "fast"
"#;

/// Sends from an address without a plan and one with a faster plan in turns, all at one instant.
fn in_turns(port: u16) -> usize {
    let program = Program::new(POLICY);
    let [slow, fast] = ["10.0.0.2", "10.0.0.1"].map(|source| udp(ip(source), port, 10));
    let mut admitted = passing(&program, START, &slow, 20);
    assert_eq!(admitted, 10);
    for _ in 0..20 {
        admitted += passing(&program, START, &fast, 20);
        admitted += passing(&program, START, &slow, 20);
    }
    admitted
}

#[test]
fn a_scope_is_not_refilled_by_turns() {
    let admitted = in_turns(443);
    assert!(admitted <= 20, "{admitted} at one instant, of bursts of 10");
}

#[test]
fn a_layer_is_not_refilled_by_turns() {
    let admitted = in_turns(53);
    assert!(admitted <= 20, "{admitted} at one instant, of bursts of 10");
}

#[test]
fn each_address_has_the_rate_of_its_plan() {
    let program = Program::new(POLICY);
    let [slow, fast] = ["10.0.0.2", "10.0.0.1"].map(|source| udp(ip(source), 443, 10));
    assert_eq!(passing(&program, START, &fast, 20), 10);
    assert_eq!(program.run(START, &fast).reason, Reason::OverLimit);
    assert_eq!(passing(&program, START + SECOND, &fast, 20), 10);
    // Full again for both a long time later.
    assert_eq!(passing(&program, START + 100 * SECOND, &slow, 20), 10);
}
