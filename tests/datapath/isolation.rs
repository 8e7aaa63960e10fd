//! What shares a bucket and what does not: sources by their prefix, scopes by their name.

use throttler_common::Reason;

use crate::harness::{Program, START};
use crate::traffic::{ip, passing, syn, udp};

const THREE_A_MINUTE: &str = r#"
    [scopes.default.limits]
    burst = { rate = "3/min" }
"#;

#[test]
fn sources_do_not_share() {
    let program = Program::new(THREE_A_MINUTE);
    for source in ["192.0.2.1", "192.0.2.2", "2001:db8:1::1", "2001:db8:2::1"] {
        assert_eq!(
            passing(&program, START, &udp(ip(source), 53, 10), 10),
            3,
            "{source}"
        );
    }
}

#[test]
fn scopes_do_not_share() {
    let program = Program::new(
        r#"[scopes.dns]
           match = [{ protocol = "udp", ports = ["53"] }]
           limits = { burst = { rate = "2/min" } }
           [scopes.web]
           match = [{ protocol = "tcp", ports = ["443"] }]
           limits = { burst = { rate = "4/min" } }
           [scopes.default.limits]
           burst = { rate = "6/min" }"#,
    );
    let source = ip("192.0.2.1");
    assert_eq!(passing(&program, START, &udp(source, 53, 10), 10), 2);
    assert_eq!(passing(&program, START, &syn(source, 443), 10), 4);
    assert_eq!(passing(&program, START, &syn(source, 53), 10), 6);
    for scope in ["dns", "web", "default"] {
        let record = program
            .record(source, scope)
            .expect("a source of the scope");
        assert_eq!(
            record.passed.packets + record.dropped.packets,
            10,
            "{scope}"
        );
    }
}

#[test]
fn an_ipv4_source_is_as_wide_as_the_policy_says() {
    let program = Program::new(&format!("[throttler]\nipv4_prefix = 24\n{THREE_A_MINUTE}"));
    assert_eq!(passing(&program, START, &udp(ip("10.0.0.0"), 53, 10), 2), 2);
    assert_eq!(
        passing(&program, START, &udp(ip("10.0.0.255"), 53, 10), 2),
        1
    );
    assert_eq!(passing(&program, START, &udp(ip("10.0.1.0"), 53, 10), 5), 3);
    assert_eq!(
        passing(&program, START, &udp(ip("9.255.255.255"), 53, 10), 5),
        3
    );
    let record = program
        .record(ip("10.0.0.77"), "default")
        .expect("the source of the prefix");
    assert_eq!((record.passed.packets, record.dropped.packets), (3, 1));
}

#[test]
fn an_ipv6_source_is_a_subnet() {
    let program = Program::new(THREE_A_MINUTE);
    assert_eq!(
        passing(&program, START, &udp(ip("2001:db8:0:1::"), 53, 10), 2),
        2
    );
    assert_eq!(
        passing(
            &program,
            START,
            &udp(ip("2001:db8:0:1:ffff:ffff:ffff:ffff"), 53, 10),
            2
        ),
        1
    );
    assert_eq!(
        passing(&program, START, &udp(ip("2001:db8:0:2::"), 53, 10), 5),
        3
    );
    assert_eq!(
        passing(&program, START, &udp(ip("2001:db8:0:0:ffff::"), 53, 10), 5),
        3
    );
}

#[test]
fn an_ipv6_source_can_be_an_address_or_wider_than_a_subnet() {
    let single = Program::new(&format!("[throttler]\nipv6_prefix = 128\n{THREE_A_MINUTE}"));
    assert_eq!(
        passing(&single, START, &udp(ip("2001:db8::1"), 53, 10), 5),
        3
    );
    assert_eq!(
        passing(&single, START, &udp(ip("2001:db8::2"), 53, 10), 5),
        3
    );
    let site = Program::new(&format!("[throttler]\nipv6_prefix = 48\n{THREE_A_MINUTE}"));
    assert_eq!(
        passing(&site, START, &udp(ip("2001:db8:7:1::1"), 53, 10), 2),
        2
    );
    assert_eq!(
        passing(&site, START, &udp(ip("2001:db8:7:ffff::1"), 53, 10), 2),
        1
    );
    assert_eq!(
        passing(&site, START, &udp(ip("2001:db8:8::1"), 53, 10), 5),
        3
    );
}

#[test]
fn families_do_not_share_where_their_bytes_agree() {
    let program = Program::new(&format!("[throttler]\nipv6_prefix = 128\n{THREE_A_MINUTE}"));
    // c000:0201:: has the bytes of 192.0.2.1 in front, as the table's key keeps them.
    for source in ["192.0.2.1", "c000:201::", "::ffff:192.0.2.1", "::192.0.2.1"] {
        assert_eq!(
            passing(&program, START, &udp(ip(source), 53, 10), 10),
            3,
            "{source}"
        );
    }
}

#[test]
fn a_scope_without_limits_keeps_no_source() {
    let program = Program::new(
        r#"[scopes.dns]
           match = [{ protocol = "udp", ports = ["53"] }]
           limits = { burst = { rate = "2/min" } }"#,
    );
    let source = ip("192.0.2.1");
    for _ in 0..10 {
        assert_eq!(
            program.run(START, &syn(source, 443)).reason,
            Reason::Unlimited
        );
    }
    assert_eq!(program.record(source, "default"), None);
    assert_eq!(program.stats().claimed, 0);
}
