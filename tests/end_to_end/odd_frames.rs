//! Rare frames go to the scope that their headers say, and none bypasses by being odd.

use throttler_lab::frames::{
    self,
    odd::{self, Extension, Part},
};

use crate::site::{PORT, Site, address, server};

const POLICY: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "3/day" }
[scopes.default.limits]
daily = { rate = "2/day" }
"#;

#[test]
fn tags_and_fragments_are_charged_to_the_right_scope() {
    let site = Site::start("odd", POLICY, &["--xdp-mode", "native"]);
    for (round, text) in (1..).zip(["192.0.2.1", "2001:db8::1"]) {
        let src = address(text);
        let plain = frames::udp(src, server(src), 1024, PORT, 1400);
        let mut dns = vec![
            frames::vlan(plain.clone(), 5),
            frames::qinq(plain.clone(), 5, 6),
            // The first fragment has the ports.
            odd::fragment(&plain, Part::First),
        ];
        dns.push(if src.is_ipv4() {
            odd::ipv4_options(&frames::udp(src, server(src), 1024, PORT, 9), 10)
        } else {
            let short = frames::udp(src, server(src), 1024, PORT, 9);
            odd::ipv6_extensions(&short, &[Extension::HopByHop, Extension::Destination])
        });
        dns.push(frames::vlan(odd::fragment(&plain, Part::First), 7));
        // What has no ports is charged to the default scope, whatever its bytes look like.
        let default = [
            odd::fragment(&plain, Part::Middle),
            odd::fragment(&plain, Part::Last),
            frames::vlan(odd::fragment(&plain, Part::Middle), 5),
            frames::ip_protocol(src, server(src), frames::protocol::GRE, 40),
        ];
        site.injector
            .send_many(dns.iter().chain(&default))
            .expect("frames");
        let counters = site.wait_packets(9 * round);
        for (scope, reason, packets) in [
            ("dns", "conforming", 3),
            ("dns", "over_limit", 2),
            ("default", "conforming", 2),
            ("default", "over_limit", 2),
        ] {
            let counted = counters.reason(scope, reason).0;
            assert_eq!(counted, packets * round, "{text} {scope} {reason}");
        }
    }
}

#[test]
fn what_is_not_ip_passes_and_what_is_cut_off_is_dropped() {
    let site = Site::start("cut", POLICY, &["--xdp-mode", "native"]);
    let mut sent = 0;
    for text in ["192.0.2.1", "2001:db8::1"] {
        let src = address(text);
        let plain = frames::udp(src, server(src), 1024, PORT, 100);
        for cut in [
            odd::truncate(&plain, frames::ETHERNET_LEN + 10),
            odd::truncate(&plain, plain.len() - 1),
            frames::vlan(odd::truncate(&plain, plain.len() - 60), 5),
        ] {
            site.injector.send(&cut).expect("a frame");
            sent += 1;
        }
    }
    let counters = site.wait_packets(sent);
    assert_eq!(counters.reason("default", "malformed").0, sent);
    assert_eq!(counters.dropped, sent);
    for ethertype in [0x0806, 0x88cc] {
        site.injector
            .send(&frames::ethertype(ethertype, 46))
            .expect("a frame");
    }
    let counters = site.wait_packets(sent + 2);
    assert_eq!(counters.reason("default", "not_ip").0, 2);
    assert_eq!((counters.passed, counters.dropped), (2, sent));
}
