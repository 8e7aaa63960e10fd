//! Rules with an end: never over early, over within 0.27 s, and what they covered holds again.

use throttler_common::Reason;
use throttler_common::abi::UNTIL_SHIFT;

use crate::harness::{Program, SECOND, START, wall};
use crate::traffic::{ip, udp};

/// Ends are kept in steps of 0.27 s, rounded up.
const LATE: u64 = 1 << UNTIL_SHIFT;

const LIMITS: &str = r#"
    [scopes.default.limits]
    burst = { rate = "2/s" }
    [plans.pro.default]
    burst = "4/s"
"#;

fn at(program: &Program, now: u64, source: &str) -> Reason {
    program.run(now, &udp(ip(source), 53, 10)).reason
}

fn rule(from: &str, class: &str, end: Option<u64>) -> String {
    let until = end.map_or(String::new(), |end| format!("until = \"{}\"\n", wall(end)));
    format!("[[sources]]\nfrom = [\"{from}\"]\n{class}\n{until}")
}

#[test]
fn a_block_ends_for_known_and_new_sources() {
    let end = START + 10 * SECOND;
    let program = Program::new(&format!(
        "{LIMITS}{}{}",
        rule("192.0.2.0/24", "block = true", Some(end)),
        rule("2001:db8:bad::1/128", "block = true", Some(end)),
    ));
    for source in ["192.0.2.1", "2001:db8:bad::1"] {
        assert_eq!(at(&program, START, source), Reason::Blocked);
        assert_eq!(at(&program, end - 1, source), Reason::Blocked);
        assert_eq!(at(&program, end + LATE, source), Reason::Conforming);
    }
    assert_eq!(at(&program, end - 1, "192.0.2.2"), Reason::Blocked);
    assert_eq!(at(&program, end + LATE, "192.0.2.3"), Reason::Conforming);
}

#[test]
fn the_covering_rule_holds_again() {
    let end = START + 10 * SECOND;
    let program = Program::new(&format!(
        "{LIMITS}{}{}",
        rule("192.0.2.0/24", "exempt = true", None),
        rule("192.0.2.66/32", "block = true", Some(end)),
    ));
    assert_eq!(at(&program, START, "192.0.2.1"), Reason::Exempt);
    assert_eq!(at(&program, end - 1, "192.0.2.66"), Reason::Blocked);
    assert_eq!(at(&program, end + LATE, "192.0.2.66"), Reason::Exempt);
}

#[test]
fn a_temporary_rule_stands_in_front_of_the_lasting_one_of_its_prefix() {
    let end = START + 10 * SECOND;
    let program = Program::new(&format!(
        "{LIMITS}{}{}",
        rule("192.0.2.0/24", "block = true", Some(end)),
        rule("192.0.2.0/24", "exempt = true", None),
    ));
    assert_eq!(at(&program, end - 1, "192.0.2.1"), Reason::Blocked);
    assert_eq!(at(&program, end + LATE, "192.0.2.1"), Reason::Exempt);
}

#[test]
fn nested_rules_end_one_after_the_other() {
    let [exempt, plan, block] = [10, 20, 30].map(|s| START + s * SECOND);
    let program = Program::new(&format!(
        "{LIMITS}{}{}{}",
        rule("10.0.0.0/8", "block = true", Some(block)),
        rule("10.1.0.0/16", "plan = \"pro\"", Some(plan)),
        rule("10.1.2.0/24", "exempt = true", Some(exempt)),
    ));
    let burst = |now| {
        let passed = (0..6).take_while(|_| at(&program, now, "10.1.2.3") == Reason::Conforming);
        passed.count()
    };
    assert_eq!(at(&program, exempt - 1, "10.1.2.3"), Reason::Exempt);
    assert_eq!(burst(exempt + LATE), 4);
    assert_eq!(burst(plan - 1), 4);
    assert_eq!(at(&program, plan + LATE, "10.1.2.3"), Reason::Blocked);
    assert_eq!(at(&program, block - 1, "10.1.2.3"), Reason::Blocked);
    assert_eq!(burst(block + LATE), 2);
}

#[test]
fn an_outer_rule_that_ends_first_is_passed_over() {
    let [outer, inner] = [10, 20].map(|s| START + s * SECOND);
    let program = Program::new(&format!(
        "{LIMITS}{}{}{}",
        rule("10.0.0.0/8", "exempt = true", None),
        rule("10.1.0.0/16", "plan = \"pro\"", Some(outer)),
        rule("10.1.2.0/24", "block = true", Some(inner)),
    ));
    assert_eq!(at(&program, inner - 1, "10.1.2.3"), Reason::Blocked);
    assert_eq!(at(&program, inner + LATE, "10.1.2.3"), Reason::Exempt);
}

#[test]
fn a_temporary_block_of_one_address_ends_inside_its_subnet() {
    let end = START + 10 * SECOND;
    let program = Program::new(&format!(
        "{LIMITS}{}",
        rule("2001:db8:0:1::66/128", "block = true", Some(end)),
    ));
    assert_eq!(at(&program, end - 1, "2001:db8:0:1::66"), Reason::Blocked);
    assert_eq!(at(&program, end - 1, "2001:db8:0:1::1"), Reason::Conforming);
    // Full again by then, and shared again by all of the subnet.
    let later = end + 2 * SECOND;
    assert_eq!(at(&program, later, "2001:db8:0:1::66"), Reason::Conforming);
    assert_eq!(at(&program, later, "2001:db8:0:1::1"), Reason::Conforming);
    assert_eq!(at(&program, later, "2001:db8:0:1::66"), Reason::OverLimit);
}
