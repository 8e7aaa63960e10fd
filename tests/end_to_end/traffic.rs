//! Real sockets: what reaches the servers is what the counters say was passed.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use throttler_lab::{TcpSink, UdpSink, ping, tcp_connect_attempts, udp_burst};

use crate::site::{LONG, Site, address, server};

/// Less than the second after which a SYN that was dropped is sent again.
const ATTEMPT: Duration = Duration::from_millis(700);

const POLICY: &str = r#"
[scopes.web]
match = [{ protocol = "tcp", ports = ["8000-8001"] }]
[scopes.web.limits]
daily = { rate = "3/day", unit = "connections" }

[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "5/day" }

[scopes.ping]
match = [{ protocol = "icmp" }]
[scopes.ping.limits]
daily = { rate = "2/day" }

[plans.pro]
web = { daily = "6/day" }
dns = { daily = "50/day" }
ping = { daily = "4/day" }

[plans.enterprise]
web = "unlimited"
dns = "unlimited"
ping = "unlimited"

[[sources]]
from = ["198.51.100.0/24", "2001:db8:1::/48"]
plan = "pro"
[[sources]]
from = ["203.0.113.0/24", "2001:db8:2::/48"]
plan = "enterprise"
[[sources]]
from = ["10.77.9.0/24", "fd77:9::/48"]
exempt = true
[[sources]]
from = ["192.0.2.66/32", "2001:db8:bad::/48"]
block = true
"#;

/// A source of each class and family; connections, datagrams and pings that are passed of [`OFFERED`]; the reasons.
const SOURCES: [(&str, [usize; 3], [&str; 2]); 10] = [
    ("192.0.2.7", [3, 5, 2], ["conforming", "over_limit"]),
    ("198.51.100.7", [6, 50, 4], ["conforming", "over_limit"]),
    ("203.0.113.7", [8, 60, 5], ["unlimited", ""]),
    ("10.77.9.7", [8, 60, 5], ["exempt", ""]),
    ("192.0.2.66", [0, 0, 0], ["", "blocked"]),
    ("2001:db8::7", [3, 5, 2], ["conforming", "over_limit"]),
    ("2001:db8:1::7", [6, 50, 4], ["conforming", "over_limit"]),
    ("2001:db8:2::7", [8, 60, 5], ["unlimited", ""]),
    ("fd77:9::7", [8, 60, 5], ["exempt", ""]),
    ("2001:db8:bad::7", [0, 0, 0], ["", "blocked"]),
];
const OFFERED: [usize; 3] = [8, 60, 5];

/// Offers each source's traffic; gives connections, datagrams and pings that got through.
fn offer(site: &Site, src: IpAddr) -> [usize; 3] {
    let to = |port| SocketAddr::new(server(src), port);
    let [connects, datagrams, pings] = OFFERED;
    let connected =
        tcp_connect_attempts(&site.lab, src, to(8000), connects, ATTEMPT).expect("attempts");
    let connected = connected.into_iter().filter(|connected| *connected).count();
    udp_burst(&site.lab, src, to(5300), datagrams, b"hello").expect("a burst");
    let pings = u16::try_from(pings).expect("few");
    let answered = ping(&site.lab, src, server(src), pings, ATTEMPT).expect("a ping");
    [connected, datagrams, answered]
}

#[test]
fn servers_get_what_the_counters_say_was_passed() {
    let site = Site::start("traffic", POLICY, &["--xdp-mode", "native"]);
    let web = TcpSink::new(&site.lab, &[8000, 8001]).expect("a sink");
    let dns = UdpSink::new(&site.lab, 5300).expect("a sink");
    let (mut seen, mut connections, mut datagrams) = (0, 0, 0);
    for (text, passed, [pass, drop]) in SOURCES {
        let src = address(text);
        let before = site.counters();
        let [connected, _, answered] = offer(&site, src);
        // A connection that stands is its SYN, an ACK and a RST.
        seen += OFFERED.iter().sum::<usize>() + 2 * connected;
        let after = site.wait_packets(seen as u64);
        assert_eq!([connected, passed[1], answered], passed, "{text}");
        for (index, (scope, each)) in [("web", 3), ("dns", 1), ("ping", 1)]
            .into_iter()
            .enumerate()
        {
            let change = |reason: &str| {
                let packets = |counters: &throttler_lab::Counters| counters.reason(scope, reason).0;
                (packets(&after) - packets(&before)) as usize
            };
            assert_eq!(change(pass), each * passed[index], "{text} {scope} {pass}");
            let refused = OFFERED[index] - passed[index];
            assert_eq!(change(drop), refused, "{text} {scope} {drop}");
        }
        connections += passed[0] as u64;
        datagrams += passed[1] as u64;
        assert!(web.wait_for(connections, LONG) && dns.wait_for(datagrams, LONG));
        assert_eq!(
            (web.count(src), dns.count(src)),
            (passed[0] as u64, passed[1] as u64),
            "{text}"
        );
    }
    let counters = site.counters();
    assert_eq!(counters.passed + counters.dropped, counters.packets);
    assert_eq!(
        (web.total(), dns.total()),
        (connections, datagrams),
        "nothing more came late"
    );
    let stats = site.lab.server_stats().expect("counters");
    assert_eq!(stats.rx_packets, counters.packets, "the link saw the same");
}

#[test]
fn monitor_mode_counts_and_drops_nothing() {
    let site = Site::start("monitor", POLICY, &["--monitor"]);
    let _web = TcpSink::new(&site.lab, &[8000]).expect("a sink");
    let dns = UdpSink::new(&site.lab, 5300).expect("a sink");
    for text in ["192.0.2.7", "2001:db8::7", "192.0.2.66", "2001:db8:bad::7"] {
        let src = address(text);
        assert_eq!(offer(&site, src), OFFERED, "{text}");
    }
    assert!(dns.wait_for(240, LONG), "{:?}", dns.counts());
    // Of each limited source 55 datagrams and of each blocked one all 60.
    let counters = site
        .daemon
        .wait_counters(
            |counters| counters.reason("dns", "monitored").0 == 230,
            LONG,
        )
        .expect("counters");
    assert_eq!(
        (
            &*counters.mode,
            counters.dropped,
            counters.reason("dns", "conforming").0
        ),
        ("monitor", 0, 10)
    );
}
