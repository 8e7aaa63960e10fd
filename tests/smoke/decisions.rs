//! One frame of each kind at chosen times: what the loaded program decides, and counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use throttler_common::Reason;
use throttler_lab::frames::odd::{self, Part};
use throttler_lab::frames::{self, ethertype, vlan};

use crate::harness::{Counters, MINUTE, Program, SECOND, START, moved};
use crate::report::note;
use crate::site::address;

const POLICY: &str = r#"
    [scopes.web]
    match = [{ protocol = "tcp", ports = ["443"] }]
    limits = { burst = { rate = "2/min", unit = "connections" } }
    [scopes.dns]
    match = [{ protocol = "udp", ports = ["53"] }]
    limits = { own = { rate = "3/min" } }
    [scopes.dns.global]
    total = { rate = "10/min" }
    [scopes.default.limits]
    flood = { rate = "20/min" }
    [[sources]]
    from = ["198.51.100.66/32", "2001:db8:bad::/48"]
    block = true
    [[sources]]
    from = ["198.51.100.77/32"]
    exempt = true
    [abuse]
    ban_after = { refusals = 3, within = "10s" }
    ban_for = "1min"
    ban_max = "5min"
"#;
const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 5));
const SERVER6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5));
/// Ethernet header.
const LINK: usize = 14;

fn server(source: IpAddr) -> IpAddr {
    if source.is_ipv4() { SERVER } else { SERVER6 }
}

fn syn(source: &str) -> Vec<u8> {
    let source = address(source);
    frames::tcp_syn(source, server(source), 40_000, 443)
}

fn udp(source: &str, payload: usize) -> Vec<u8> {
    let source = address(source);
    frames::udp(source, server(source), 40_000, 53, payload)
}

/// The program, and how many decisions were looked at.
struct Judged(Program, u64);

impl Judged {
    /// Runs a frame; decision and counters are as expected.
    fn expect(&mut self, now: u64, frame: &[u8], reason: Reason, scope: &str, limit: Option<&str>) {
        let before = self.0.counters();
        let answer = self.0.run(now, frame);
        let found = (answer.reason, &*answer.scope, answer.limit.as_deref());
        assert_eq!(found, (reason, scope, limit), "at START + {}", now - START);
        // What the frame's IP header claims: none of them is padded, one is tagged.
        let tag = if frame[12..14] == [0x81, 0] { 4 } else { 0 };
        let bytes = (frame.len() - LINK - tag) as u64;
        let counted = Counters::from([((scope.to_owned(), reason), (1, bytes))]);
        assert_eq!(moved(&before, &self.0.counters()), counted);
        self.1 += 1;
    }
}

#[test]
fn every_kind_of_decision_is_made_and_counted() {
    use Reason::{Banned, Blocked, Conforming, Exempt, GlobalLimit, Malformed, NotIp, OverLimit};
    let mut judged = Judged(Program::new(POLICY), 0);
    let (own, burst) = (Some("own"), Some("burst"));

    // A limit, to the nanosecond; the other family, whose sources are /64s.
    for (one, other) in [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1::1", "2001:db8:1::2"),
    ] {
        let (one, other) = (syn(one), syn(other));
        judged.expect(START, &one, Conforming, "web", None);
        judged.expect(START, &other, Conforming, "web", None);
        judged.expect(START, &one, OverLimit, "web", burst);
        judged.expect(START + 30 * SECOND - 1, &other, OverLimit, "web", burst);
        judged.expect(START + 30 * SECOND, &other, Conforming, "web", None);
    }
    // Classes.
    judged.expect(START, &syn("198.51.100.66"), Blocked, "web", None);
    judged.expect(START, &syn("2001:db8:bad::1"), Blocked, "web", None);
    judged.expect(START, &syn("198.51.100.77"), Exempt, "web", None);
    // The third refusal bans, for a minute.
    let frame = syn("192.0.2.3");
    for _ in 0..2 {
        judged.expect(START, &frame, Conforming, "web", None);
    }
    for _ in 0..3 {
        judged.expect(START, &frame, OverLimit, "web", burst);
    }
    judged.expect(START, &frame, Banned, "web", None);
    judged.expect(START + MINUTE - 1, &frame, Banned, "web", None);
    // Bans end in steps of 2^20 ns.
    judged.expect(START + MINUTE + 2_097_152, &frame, Conforming, "web", None);
    // Frames: tagged, of two pages and more, a fragment, cut short, not IP.
    let plain = udp("192.0.2.4", 10);
    judged.expect(START, &vlan(plain.clone(), 7), Conforming, "dns", None);
    judged.expect(START, &udp("192.0.2.4", 9_000), Conforming, "dns", None);
    judged.expect(START, &udp("192.0.2.4", 3_900), Conforming, "dns", None);
    judged.expect(START, &plain, OverLimit, "dns", own);
    for frame in [syn("192.0.2.5"), syn("2001:db8:5::1")] {
        let fragment = odd::fragment(&frame, Part::Middle);
        judged.expect(START, &fragment, Conforming, "default", None);
    }
    let cut = odd::truncate(&plain, plain.len() - 1);
    judged.expect(START, &cut, Malformed, "default", None);
    judged.expect(START, &ethertype(0x0806, 46), NotIp, "default", None);
    // Three of the ten for all sources are gone.
    for number in 0..7 {
        let frame = udp(&format!("192.0.2.{}", 100 + number), 10);
        judged.expect(START, &frame, Conforming, "dns", None);
    }
    let late = udp("2001:db8:7::1", 10);
    judged.expect(START, &late, GlobalLimit, "dns", Some("global.total"));
    judged.expect(START + 6 * SECOND, &late, Conforming, "dns", None);
    note("decisions", judged.1);
}
