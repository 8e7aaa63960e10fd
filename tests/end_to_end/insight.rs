//! What the daemon tells besides its abuse log: metrics, and a line a packet for whoever debugs.

use std::time::Instant;

use throttler_lab::Reload;

use crate::{
    http::{connect, exchange},
    site::{FIVE_A_DAY, LONG, Site, address},
};

#[test]
fn metrics_tell_what_the_counters_tell() {
    // The last of the packets below is one refusal too many.
    let policy =
        format!("{FIVE_A_DAY}[abuse]\nban_after = {{ refusals = 2, within = \"1min\" }}\n");
    let mut site = Site::start("metrics", &policy, &["--metrics-listen", "127.0.0.1:0"]);
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

    let ask = |line| exchange(connect(&site, &at), line, "", "");
    let metrics = ask("GET /metrics");
    assert_eq!(metrics.status, 200);
    assert_eq!(metrics.kind, "text/plain; version=0.0.4; charset=utf-8");
    let metrics = metrics.body;
    for expected in [
        "throttler_packets_total{iface=\"veth-s\",scope=\"dns\",reason=\"conforming\"} 5",
        "throttler_packets_total{iface=\"veth-s\",scope=\"dns\",reason=\"over_limit\"} 2",
        "throttler_bytes_total{iface=\"veth-s\",scope=\"dns\",reason=\"conforming\"} 230",
        "throttler_source_entries{iface=\"veth-s\"} 1",
        "throttler_source_entries_max{iface=\"veth-s\"} 262144",
        "throttler_events_lost_total{iface=\"veth-s\"} 0",
        "# TYPE throttler_bans_active gauge",
        "throttler_bans_active{iface=\"veth-s\"} 1",
        "# TYPE throttler_bans_total counter",
        "throttler_bans_total{iface=\"veth-s\"} 1",
        "# TYPE throttler_table_newcomers_total counter",
        "throttler_table_newcomers_total{iface=\"veth-s\",outcome=\"passed\"} 0",
        "throttler_table_newcomers_total{iface=\"veth-s\",outcome=\"refused\"} 0",
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

    ask("GET /").problem(403);
    ask("POST /metrics").problem(405);

    site.daemon.rewrite_policy("nonsense = 1").expect("a file");
    assert!(matches!(
        site.daemon.reload().expect("a reload"),
        Reload::Refused(_)
    ));
    // The log has it a moment before the metrics, which another thread serves.
    let end = Instant::now() + LONG;
    loop {
        let metrics = exchange(connect(&site, &at), "GET /metrics", "", "").body;
        if metrics.contains("throttler_policy_last_reload_successful 0") {
            break;
        }
        assert!(Instant::now() < end, "{metrics}");
    }
}

#[test]
fn the_most_verbose_daemon_logs_every_packet() {
    let site = Site::start("trace", FIVE_A_DAY, &["-v", "-v"]);
    let from = site.daemon.stderr_lines().len();
    assert_eq!(site.offer(address("192.0.2.1"), 1), 1);
    let line = site
        .daemon
        .wait_stderr(from, "TRACE reason 0 ", LONG)
        .expect("a line");
    // Of the self-check there are lines, too. Reason 0 is `conforming`, limit 255 none; 20 bytes of IPv4, 8 of UDP, 18 of payload.
    assert!(
        line.contains("reason 0 scope 1 limit 255, 46 bytes"),
        "{line}"
    );
}

#[test]
fn a_dump_after_a_reload_says_what_the_next_packet_will_find() {
    let mut site = Site::start("renewed", FIVE_A_DAY, &[]);
    let src = address("192.0.2.1");
    assert_eq!(site.offer(src, 2), 2);
    // What was left stays, in units, and is what the next packets get.
    for (rate, left, offered, passed) in [("4/day", 3, 1, 1), ("50/day", 2, 5, 2)] {
        let policy = FIVE_A_DAY.replace("5/day", rate);
        site.daemon.rewrite_policy(&policy).expect("a policy");
        assert!(matches!(
            site.daemon.reload().expect("a word"),
            Reload::Applied(_)
        ));
        let explain = ["explain", "192.0.2.1", "--port", "5300", "--proto", "udp"];
        for args in [&["dump", "buckets"][..], &explain] {
            let found = site
                .daemon
                .json(&[args, &["-o", "json"]].concat())
                .expect("JSON");
            let limit = &found["buckets"][0]["limits"][0];
            assert_eq!(
                (&limit["rate"], &limit["remaining"]),
                (&rate.into(), &left.into())
            );
        }
        assert_eq!(site.offer(src, offered), passed, "{rate}");
    }
}
