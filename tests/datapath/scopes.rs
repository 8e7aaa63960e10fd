//! Which scope a packet belongs to: protocol, ports and destination, the most specific match first.

use std::net::IpAddr;

use throttler_lab::frames::{self, odd};

use crate::harness::{Program, START};
use crate::traffic::{SERVER, SERVER6, ip};

const POLICY: &str = r#"
    [scopes.web]
    match = [{ protocol = "tcp", ports = ["443", "8000-8099"] }]
    limits = { burst = { rate = "1000/s" } }
    [scopes.login]
    match = [{ protocol = "tcp", ports = ["8042"] }]
    limits = { burst = { rate = "1000/s" } }
    [scopes.dns]
    match = [{ ports = ["53"] }]
    limits = { burst = { rate = "1000/s" } }
    [scopes.datagrams]
    match = [{ protocol = "udp" }]
    limits = { burst = { rate = "1000/s" } }
    [scopes.ping]
    match = [{ protocol = "icmp" }]
    limits = { burst = { rate = "1000/s" } }
    [scopes.tunnel]
    match = [{ protocol = "gre" }, { protocol = 50 }]
    limits = { burst = { rate = "1000/s" } }
    [scopes.lab]
    match = [{ to = ["198.18.0.0/15", "2001:db8:1ab::/48"] }]
    limits = { burst = { rate = "1000/s" } }
    [scopes.lab-web]
    match = [{ protocol = "tcp", ports = ["443"], to = ["198.18.0.0/15", "2001:db8:1ab::/48"] }]
    limits = { burst = { rate = "1000/s" } }
    [scopes.lab-host]
    match = [{ to = ["198.18.7.7/32", "2001:db8:1ab::7/128"] }]
    limits = { burst = { rate = "1000/s" } }
    [scopes.default.limits]
    burst = { rate = "1000/s" }
"#;

const V4: &str = "192.0.2.1";
const V6: &str = "2001:db8:c::1";

fn scope(program: &Program, frame: &[u8]) -> String {
    program.run(START, frame).scope
}

/// Source and destination of both families; the destination by its last words.
fn pairs(v4: &str, v6: &str) -> [(IpAddr, IpAddr); 2] {
    [(ip(V4), ip(v4)), (ip(V6), ip(v6))]
}

#[test]
fn ports_and_ranges_of_their_protocol() {
    let program = Program::new(POLICY);
    for (source, to) in [(ip(V4), SERVER), (ip(V6), SERVER6)] {
        for (port, wanted) in [
            (443, "web"),
            (442, "default"),
            (444, "default"),
            (7999, "default"),
            (8000, "web"),
            (8041, "web"),
            (8042, "login"),
            (8043, "web"),
            (8099, "web"),
            (8100, "default"),
            (53, "dns"),
            (0, "default"),
            (65_535, "default"),
        ] {
            assert_eq!(
                scope(&program, &frames::tcp_syn(source, to, 1, port)),
                wanted,
                "TCP {port}"
            );
            assert_eq!(
                scope(&program, &frames::tcp_ack(source, to, 443, port)),
                wanted,
                "TCP {port}"
            );
        }
        for (port, wanted) in [
            (443, "datagrams"),
            (8042, "datagrams"),
            (53, "dns"),
            (0, "datagrams"),
        ] {
            assert_eq!(
                scope(&program, &frames::udp(source, to, 53, port, 4)),
                wanted,
                "UDP {port}"
            );
        }
    }
}

#[test]
fn protocols() {
    let program = Program::new(POLICY);
    for (source, to) in [(ip(V4), SERVER), (ip(V6), SERVER6)] {
        assert_eq!(scope(&program, &frames::icmp_echo(source, to)), "ping");
        for (protocol, wanted) in [
            (frames::protocol::GRE, "tunnel"),
            (frames::protocol::ESP, "tunnel"),
            (frames::protocol::SCTP, "default"),
            (2, "default"),
            (253, "default"),
        ] {
            let frame = frames::ip_protocol(source, to, protocol, 40);
            assert_eq!(
                scope(&program, &frame),
                wanted,
                "protocol {protocol} to {to}"
            );
        }
    }
}

#[test]
fn the_destination_counts_before_ports_and_protocol() {
    let program = Program::new(POLICY);
    for (source, to) in pairs("198.18.0.1", "2001:db8:1ab::1") {
        assert_eq!(
            scope(&program, &frames::tcp_syn(source, to, 1, 443)),
            "lab-web"
        );
        assert_eq!(
            scope(&program, &frames::tcp_syn(source, to, 1, 8042)),
            "lab"
        );
        assert_eq!(scope(&program, &frames::udp(source, to, 1, 443, 4)), "lab");
        assert_eq!(scope(&program, &frames::icmp_echo(source, to)), "lab");
    }
    for (source, to) in pairs("198.18.7.7", "2001:db8:1ab::7") {
        assert_eq!(
            scope(&program, &frames::tcp_syn(source, to, 1, 443)),
            "lab-host"
        );
        assert_eq!(scope(&program, &frames::icmp_echo(source, to)), "lab-host");
    }
}

#[test]
fn destination_prefixes_end_where_they_say() {
    let program = Program::new(POLICY);
    for (inside, v4, v6) in [
        (true, "198.18.0.0", "2001:db8:1ab::"),
        (
            true,
            "198.19.255.255",
            "2001:db8:1ab:ffff:ffff:ffff:ffff:ffff",
        ),
        (false, "198.20.0.0", "2001:db8:1ac::"),
        (
            false,
            "198.17.255.255",
            "2001:db8:1aa:ffff:ffff:ffff:ffff:ffff",
        ),
    ] {
        for (source, to) in pairs(v4, v6) {
            let wanted = if inside { "lab-web" } else { "web" };
            assert_eq!(
                scope(&program, &frames::tcp_syn(source, to, 1, 443)),
                wanted,
                "{to}"
            );
        }
    }
}

#[test]
fn only_a_first_fragment_has_ports() {
    use odd::Part;
    let program = Program::new(POLICY);
    for (source, to) in [(ip(V4), SERVER), (ip(V6), SERVER6)] {
        let whole = frames::udp(source, to, 1, 53, 64);
        for (part, wanted) in [
            (Part::First, "dns"),
            (Part::Middle, "default"),
            (Part::Last, "default"),
        ] {
            assert_eq!(
                scope(&program, &odd::fragment(&whole, part)),
                wanted,
                "{part:?} to {to}"
            );
        }
    }
    // Not even the scope of its destination: it is charged to `default` whatever it claims to be.
    let whole = frames::icmp_echo(ip(V4), ip("198.18.0.1"));
    assert_eq!(
        scope(&program, &odd::fragment(&whole, Part::Last)),
        "default"
    );
}
