//! Bans: the datapath's, which end without a packet, and those that operators give.

use std::fs;

use serde_json::json;

use super::{Events, fields, found, metric, recent, wait_metric};
use crate::site::{Site, address};

const POLICY: &str = r#"
[throttler]
max_sources = 1024
on_exit = "keep"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "2/day" }
[abuse]
ban_after = { refusals = 3, within = "1min" }
ban_for = "2s"
ban_max = "2s"
"#;

/// How often it was found on all interfaces.
fn anywhere(site: &Site, kind: &str) -> u64 {
    metric(
        site,
        &format!("throttler_alerts_total{{iface=\"*\",event=\"{kind}\"}}"),
    )
}

#[test]
fn a_ban_that_is_over_is_told_of_without_a_packet_and_once() {
    let site = Site::start("lookout-unban", POLICY, &[]);
    let mut events = Events::follow(&site);
    for round in 1..=2 {
        // Two pass; three are refused, and the last of them bans.
        site.offer(address("192.0.2.1"), 5);
        events.next("banned");
        let (event, before) = events.next("unbanned");
        assert_eq!(
            fields(&event, ["source", "scope", "by"]),
            [json!("192.0.2.1/32"), json!("dns"), json!("datapath")]
        );
        let others = ["refused", "near_limit"].map(serde_json::Value::from);
        assert!(
            before.iter().all(|event| others.contains(&event["event"])),
            "{before:?}"
        );
        assert_eq!((found(&site, "ban"), found(&site, "unban")), (round, round));
        // The datapath would tell with this packet, had nobody told.
        site.offer(address("192.0.2.1"), 1);
    }
    // Whatever it has to tell comes before what it tells of another source.
    site.offer(address("192.0.2.2"), 3);
    events.next("refused");
    assert_eq!(
        (recent(&site, "unbanned").len(), found(&site, "unban")),
        (2, 2)
    );
}

#[test]
fn bans_that_outlive_the_daemon_end_under_the_next() {
    let mut site = Site::start("lookout-outlive", &POLICY.replace("2s", "6s"), &[]);
    site.offer(address("192.0.2.1"), 5);
    wait_metric(
        &site,
        "throttler_alerts_total{iface=\"veth-s\",event=\"ban\"}",
        |bans| bans == 1,
    );
    site.daemon.kill().expect("an end");
    site.daemon.restart().expect("a daemon");
    wait_metric(
        &site,
        "throttler_alerts_total{iface=\"veth-s\",event=\"unban\"}",
        |unbans| unbans == 1,
    );
    let told = recent(&site, "unbanned");
    assert_eq!(
        (told.len(), &told[0]["source"]),
        (1, &json!("192.0.2.1/32"))
    );
}

#[test]
fn a_ban_that_is_taken_back_is_told_of_at_once_and_once() {
    let site = Site::start("lookout-lift", &POLICY.replace("2s", "4s"), &[]);
    let mut events = Events::follow(&site);
    site.offer(address("192.0.2.1"), 5);
    site.offer(address("192.0.2.2"), 5);
    site.cli_ok(&["ban", "del", "192.0.2.1"]);
    let (event, _) = events.next("unbanned");
    assert_eq!(
        fields(&event, ["source", "by"]),
        [json!("192.0.2.1/32"), json!("operator")]
    );
    // The other's time is over later than the first one's would have been.
    let (event, _) = events.next("unbanned");
    assert_eq!(event["source"], "192.0.2.2/32", "{event}");
    assert_eq!((found(&site, "ban"), found(&site, "unban")), (2, 2));
}

#[test]
fn what_operators_say_is_told_of() {
    let mut site = Site::start("lookout-operators", POLICY, &[]);
    let mut events = Events::follow(&site);
    site.cli_ok(&["ban", "add", "192.0.2.0/24"]);
    let (event, _) = events.next("banned");
    assert_eq!(
        fields(&event, ["source", "by", "until"]),
        [json!("192.0.2.0/24"), json!("operator"), json!(null)]
    );
    // The same once more is nothing new.
    site.cli_ok(&["ban", "add", "192.0.2.0/24"]);
    site.cli_ok(&["ban", "del", "192.0.2.0/24"]);
    let (event, before) = events.next("unbanned");
    assert_eq!(
        fields(&event, ["source", "by"]),
        [json!("192.0.2.0/24"), json!("operator")]
    );
    assert_eq!(before, Vec::<serde_json::Value>::new());

    // One that was put off ends once, also after a restart.
    site.cli_ok(&["ban", "add", "2001:db8::/48", "--for", "1s"]);
    site.cli_ok(&["ban", "add", "2001:db8::/48", "--for", "6s"]);
    site.cli_ok(&["ban", "add", "198.51.100.1", "--for", "2s"]);
    let (event, before) = events.next("unbanned");
    assert_eq!(event["source"], "198.51.100.1/32", "{event}");
    assert_eq!(before.len(), 2, "{before:?}");
    assert_eq!((anywhere(&site, "ban"), anywhere(&site, "unban")), (3, 2));
    assert!(site.daemon.stop().expect("an end").success());
    site.daemon.restart().expect("a daemon");
    wait_metric(
        &site,
        "throttler_alerts_total{iface=\"*\",event=\"unban\"}",
        |unbans| unbans == 1,
    );
    let told = recent(&site, "unbanned");
    assert_eq!(
        fields(&told[0], ["source", "by"]),
        [json!("2001:db8::/48"), json!("operator")]
    );
}

#[test]
fn a_long_list_is_one_alert() {
    let site = Site::start("lookout-list", POLICY, &[]);
    let mut events = Events::follow(&site);
    let list = site.daemon.policy_path().with_file_name("bans.txt");
    let line = |n: u64| format!("10.{}.{}.{}\n", n >> 16, n >> 8 & 255, n & 255);
    fs::write(&list, (0..5_000).map(line).collect::<String>()).expect("a list");
    let path = list.to_str().expect("a path");
    site.cli_ok(&["ban", "import", path, "--for", "3s"]);
    let (event, _) = events.next("banned");
    assert!(
        event["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("5000 sources")),
        "{event}"
    );
    site.cli_ok(&["ban", "del", "10.0.0.7"]);
    let (event, before) = events.next("unbanned");
    assert_eq!(
        (&event["source"], before.len()),
        (&json!("10.0.0.7/32"), 0),
        "{before:?}"
    );
    let (event, before) = events.next("unbanned");
    assert!(
        event["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("4999 sources")),
        "{event}"
    );
    assert_eq!(before.len(), 0, "{before:?}");
    assert_eq!(
        (anywhere(&site, "ban"), anywhere(&site, "unban")),
        (5_000, 5_000)
    );
}
