//! What the daemon tells besides its abuse log: metrics, and a line a packet for whoever debugs.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use throttler_lab::Reload;

use crate::site::{FIVE_A_DAY, LONG, Site, address};

/// Sends a request line to the metrics endpoint in the server's namespace, and gives the whole answer.
fn ask(site: &Site, at: &str, line: &str) -> String {
    site.lab.server().run(|| {
        let mut stream = TcpStream::connect(at).expect("a connection");
        stream.set_read_timeout(Some(LONG)).expect("a deadline");
        write!(stream, "{line} HTTP/1.1\r\nhost: {at}\r\n\r\n").expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    })
}

#[test]
fn metrics_tell_what_the_counters_tell() {
    let mut site = Site::start("metrics", FIVE_A_DAY, &["--metrics-listen", "127.0.0.1:0"]);
    let line = site
        .daemon
        .wait_stderr(0, "metrics on http://", LONG)
        .expect("an address");
    let at = line
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    let at = at.expect("an address").to_owned();
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);

    let metrics = ask(&site, &at, "GET /metrics");
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    for expected in [
        "throttler_packets_total{iface=\"veth-s\",scope=\"dns\",reason=\"conforming\"} 5",
        "throttler_packets_total{iface=\"veth-s\",scope=\"dns\",reason=\"over_limit\"} 2",
        "throttler_bytes_total{iface=\"veth-s\",scope=\"dns\",reason=\"conforming\"} 230",
        "throttler_source_entries{iface=\"veth-s\"} 1",
        "throttler_source_entries_max{iface=\"veth-s\"} 262144",
        "throttler_events_lost_total{iface=\"veth-s\"} 0",
        "throttler_policy_generation{iface=\"veth-s\"} 1",
        "throttler_policy_last_reload_successful 1",
        "throttler_build_info{version=\"",
    ] {
        assert!(
            metrics.contains(expected),
            "{expected} is not in\n{metrics}"
        );
    }
    assert!(!metrics.contains("192.0.2.1"), "an address is no label");

    assert!(ask(&site, &at, "GET /").starts_with("HTTP/1.1 404 "));
    assert!(ask(&site, &at, "POST /metrics").starts_with("HTTP/1.1 405 "));

    site.daemon.rewrite_policy("nonsense = 1").expect("a file");
    assert!(matches!(
        site.daemon.reload().expect("a reload"),
        Reload::Refused(_)
    ));
    let metrics = ask(&site, &at, "GET /metrics");
    assert!(
        metrics.contains("throttler_policy_last_reload_successful 0"),
        "{metrics}"
    );
}

#[test]
fn the_most_verbose_daemon_logs_every_packet() {
    let site = Site::start("trace", FIVE_A_DAY, &["-v", "-v"]);
    let from = site.daemon.stderr_lines().len();
    assert_eq!(site.offer(address("192.0.2.1"), 1), 1);
    let line = site
        .daemon
        .wait_stderr(from, "TRACE reason ", LONG)
        .expect("a line");
    // Reason 0 is `conforming`, limit 255 none; 20 bytes of IPv4, 8 of UDP, 18 of payload.
    assert!(
        line.contains("reason 0 scope 1 limit 255, 46 bytes"),
        "{line}"
    );
}
