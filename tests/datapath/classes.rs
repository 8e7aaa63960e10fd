//! Plans, exemptions and blocks: the longest prefix that covers a source says which.

use throttler_common::Reason;

use crate::harness::{Program, START};
use crate::traffic::{ip, passing, syn, udp};

const API: &str = r#"
    [scopes.api]
    match = [{ protocol = "udp", ports = ["443"] }]
    limits = { burst = { rate = "2/min" }, sustained = { rate = "100/hour" } }
    [scopes.default.limits]
    burst = { rate = "3/min" }
"#;

fn reason(program: &Program, source: &str) -> Reason {
    program.run(START, &udp(ip(source), 443, 10)).reason
}

#[test]
fn a_plan_changes_the_limits_that_it_names() {
    let program = Program::new(&format!(
        r#"{API}
        [plans.pro.api]
        burst = "5/min"
        [plans.big.api]
        burst = {{ rate = "1/min", burst = 200 }}
        [[sources]]
        from = ["198.51.100.0/24", "2001:db8:77::/48"]
        plan = "pro"
        [[sources]]
        from = ["10.0.0.0/8"]
        plan = "big""#
    ));
    assert_eq!(
        passing(&program, START, &udp(ip("192.0.2.1"), 443, 10), 300),
        2
    );
    assert_eq!(
        passing(&program, START, &udp(ip("198.51.100.9"), 443, 10), 300),
        5
    );
    assert_eq!(
        passing(&program, START, &udp(ip("2001:db8:77::9"), 443, 10), 300),
        5
    );
    // `big` keeps the limit that it does not name, and that one refuses first.
    assert_eq!(
        passing(&program, START, &udp(ip("10.9.9.9"), 443, 10), 300),
        100
    );
    let answer = program.run(START, &udp(ip("10.9.9.9"), 443, 10));
    assert_eq!(answer.limit.as_deref(), Some("sustained"));
    // A scope that the plan does not name keeps its own.
    assert_eq!(
        passing(&program, START, &udp(ip("198.51.100.9"), 53, 10), 300),
        3
    );
}

#[test]
fn an_unlimited_plan_lifts_its_scope_alone() {
    let program = Program::new(&format!(
        r#"{API}
        [plans.enterprise]
        api = "unlimited"
        [[sources]]
        from = ["198.51.100.0/24"]
        plan = "enterprise""#
    ));
    for _ in 0..500 {
        assert_eq!(reason(&program, "198.51.100.9"), Reason::Unlimited);
    }
    assert_eq!(
        passing(&program, START, &udp(ip("198.51.100.9"), 53, 10), 10),
        3
    );
}

#[test]
fn an_unlimited_plan_stays_within_the_layer() {
    let program = Program::new(&format!(
        r#"{API}
        [layers.all]
        scopes = ["api", "default"]
        limits = {{ total = {{ rate = "20/min" }} }}
        [plans.enterprise]
        api = "unlimited"
        [[sources]]
        from = ["198.51.100.0/24"]
        plan = "enterprise""#
    ));
    let frame = udp(ip("198.51.100.9"), 443, 10);
    assert_eq!(passing(&program, START, &frame, 100), 20);
    assert_eq!(
        program.run(START, &frame).limit.as_deref(),
        Some("all.total")
    );
}

#[test]
fn exempt_and_blocked_sources_are_not_limited() {
    let program = Program::new(&format!(
        r#"{API}
        [[sources]]
        from = ["10.0.0.0/8", "fd00::/8"]
        exempt = true
        [[sources]]
        from = ["192.0.2.66/32", "2001:db8:bad::/48"]
        block = true"#
    ));
    for _ in 0..50 {
        assert_eq!(reason(&program, "10.1.2.3"), Reason::Exempt);
        assert_eq!(reason(&program, "fd00::1"), Reason::Exempt);
        assert_eq!(reason(&program, "192.0.2.66"), Reason::Blocked);
        assert_eq!(reason(&program, "2001:db8:bad:1::1"), Reason::Blocked);
    }
    assert_eq!(reason(&program, "192.0.2.67"), Reason::Conforming);
    assert_eq!(reason(&program, "2001:db8:bae::1"), Reason::Conforming);
    // Also what no port was read of.
    let answer = program.run(START, &syn(ip("192.0.2.66"), 22));
    assert_eq!(
        (answer.reason, answer.scope.as_str()),
        (Reason::Blocked, "default")
    );
}

#[test]
fn the_longest_prefix_wins_whatever_the_order() {
    let rules = [
        ("10.0.0.0/8", "block = true"),
        ("10.1.0.0/16", "exempt = true"),
        ("10.1.2.0/24", "block = true"),
        ("10.1.2.3/32", "exempt = true"),
    ];
    let expected = [
        ("10.9.0.1", Reason::Blocked),
        ("10.1.9.1", Reason::Exempt),
        ("10.1.2.1", Reason::Blocked),
        ("10.1.2.3", Reason::Exempt),
        ("11.0.0.1", Reason::Conforming),
    ];
    for reverse in [false, true] {
        let mut listed = rules.to_vec();
        if reverse {
            listed.reverse();
        }
        let sources = listed
            .iter()
            .map(|(from, class)| format!("[[sources]]\nfrom = [\"{from}\"]\n{class}\n"));
        let program = Program::new(&format!("{API}\n{}", sources.collect::<String>()));
        for (source, wanted) in expected {
            assert_eq!(
                reason(&program, source),
                wanted,
                "{source}, reversed: {reverse}"
            );
        }
    }
}

#[test]
fn a_block_of_one_address_leaves_its_subnet_alone() {
    let program = Program::new(&format!(
        r#"{API}
        [[sources]]
        from = ["2001:db8:0:1::66/128"]
        block = true
        [[sources]]
        from = ["2001:db8:0:1::77/128"]
        exempt = true"#
    ));
    for _ in 0..3 {
        assert_eq!(reason(&program, "2001:db8:0:1::66"), Reason::Blocked);
        assert_eq!(reason(&program, "2001:db8:0:1::77"), Reason::Exempt);
    }
    // The others go on, and share the one bucket of their subnet, which neither of the two has charged.
    assert_eq!(reason(&program, "2001:db8:0:1::1"), Reason::Conforming);
    assert_eq!(reason(&program, "2001:db8:0:1::2"), Reason::Conforming);
    assert_eq!(reason(&program, "2001:db8:0:1::3"), Reason::OverLimit);
    assert_eq!(reason(&program, "2001:db8:0:2::66"), Reason::Conforming);
}

#[test]
fn a_mixed_source_inherits_from_the_prefix_around_it() {
    let program = Program::new(&format!(
        r#"[throttler]
        ipv4_prefix = 24
        {API}
        [[sources]]
        from = ["10.0.0.0/8"]
        exempt = true
        [[sources]]
        from = ["10.1.2.3/32", "192.0.2.128/25"]
        block = true"#
    ));
    assert_eq!(reason(&program, "10.1.2.3"), Reason::Blocked);
    assert_eq!(reason(&program, "10.1.2.4"), Reason::Exempt);
    assert_eq!(reason(&program, "192.0.2.127"), Reason::Conforming);
    assert_eq!(reason(&program, "192.0.2.128"), Reason::Blocked);
    assert_eq!(reason(&program, "192.0.2.1"), Reason::Conforming);
    assert_eq!(reason(&program, "192.0.2.1"), Reason::OverLimit);
}

#[test]
fn rules_stay_within_their_family() {
    let program = Program::new(&format!(
        r#"{API}
        [[sources]]
        from = ["192.0.2.66/32"]
        block = true
        [[sources]]
        from = ["c633:6400::/24"]
        exempt = true"#
    ));
    // The mapped address, and one whose first bytes are those of the rule.
    for source in [
        "::ffff:192.0.2.66",
        "::192.0.2.66",
        "c000:242::",
        "c000:242::1",
    ] {
        assert_eq!(reason(&program, source), Reason::Conforming, "{source}");
    }
    assert_eq!(reason(&program, "192.0.2.66"), Reason::Blocked);
    assert_eq!(reason(&program, "c633:64ff::1"), Reason::Exempt);
    assert_eq!(reason(&program, "198.51.100.1"), Reason::Conforming);
}
