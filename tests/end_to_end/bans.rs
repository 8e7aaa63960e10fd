//! Bans that the datapath gives: to a source, to its prefix, never to whom the policy exempts.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::site::{LONG, Site, address};

/// Two at once and one a second; the third refusal bans.
const POLICY: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
flood = { rate = "1/s", burst = 2 }
[[sources]]
from = ["10.0.0.0/8"]
exempt = true
[abuse]
ban_after = { refusals = 3, within = "1min" }
ban_for = "3s"
"#;

/// One more a day than is refused: nothing comes back within a test.
const FOR_AN_HOUR: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "2/day" }
[abuse]
ban_after = { refusals = 3, within = "1min" }
ban_for = "1h"
ban_max = "4h"
widen_after = { sources = 2, within = "10min" }
"#;

fn banned(site: &Site) -> u64 {
    site.counters().reason("dns", "banned").0
}

/// Sends until the source is banned; gives how many were passed.
fn until_banned(site: &Site, src: IpAddr) -> u64 {
    let (before, mut passed) = (banned(site), 0);
    for _ in 0..200 {
        passed += site.offer(src, 1);
        if banned(site) > before {
            return passed;
        }
    }
    panic!("{src} is not banned: {:#?}", site.counters());
}

fn bans(site: &Site, args: &[&str]) -> Vec<Value> {
    let args = [&["dump", "bans", "-o", "json"], args].concat();
    let dump = site.daemon.json(&args).expect("JSON");
    assert_eq!(dump["schema_version"], 1);
    dump["bans"].as_array().expect("a list").clone()
}

fn explain(site: &Site, src: &str) -> Value {
    let args = [
        "explain", src, "--port", "5300", "--proto", "udp", "-o", "json",
    ];
    site.daemon.json(&args).expect("JSON")["buckets"][0].clone()
}

#[test]
fn a_ban_is_given_and_ends() {
    let site = Site::start("ban", POLICY, &[]);
    let (text, src) = ("192.0.2.1", address("192.0.2.1"));
    let started = Instant::now();
    until_banned(&site, src);
    let found = explain(&site, text);
    let list = bans(&site, &[]);
    if started.elapsed() < Duration::from_secs(3) {
        assert_eq!(
            (&found["verdict"], &found["reason"]),
            (&"drop".into(), &"banned".into())
        );
        let left = found["banned_for_s"].as_f64().expect("seconds");
        assert!(left > 0.0 && left <= 3.0, "{found:#}");
        assert_eq!(list.len(), 1, "{list:?}");
        // Both clocks are read anew by each command, and not at the same moment.
        let end = |value: &Value| -> Timestamp {
            value.as_str().expect("a time").parse().expect("a time")
        };
        let apart = end(&list[0]["until"])
            .duration_since(end(&found["until"]))
            .abs();
        assert!(apart < SignedDuration::from_secs(1), "{list:?} {found:#}");
        assert_eq!(list[0]["reason"], "3 refusals within 1min");
    }
    // The third refusal is still one of the limit; what follows is the ban's.
    assert_eq!(site.counters().reason("dns", "over_limit").0, 3);
    let line = site
        .daemon
        .wait_stderr(0, " banned ", LONG)
        .expect("a line");
    for field in [
        "source=192.0.2.1/32 scope=dns plan=- limit=flood rate=1/s",
        "reason=over_limit refused=3 times=1 for_s=",
        " until=2",
        "monitored=false",
    ] {
        assert!(line.contains(field), "no `{field}` in {line}");
    }

    let end = Instant::now() + LONG;
    while site.offer(src, 1) == 0 {
        assert!(Instant::now() < end, "{:#?}", site.counters());
        std::thread::sleep(Duration::from_millis(100));
    }
    let line = site
        .daemon
        .wait_stderr(0, " unbanned ", LONG)
        .expect("a line");
    assert!(line.contains("source=192.0.2.1/32 scope=dns"), "{line}");
    assert!(bans(&site, &[]).is_empty());
    assert_eq!(explain(&site, text)["banned_for_s"], 0.0);
}

#[test]
fn exempt_sources_are_never_banned() {
    let site = Site::start("exempt", POLICY, &[]);
    assert_eq!(site.offer(address("10.1.2.3"), 100), 100);
    assert_eq!(banned(&site), 0);
    assert!(bans(&site, &[]).is_empty());
}

#[test]
fn bans_are_dumped_while_the_daemon_is_down() {
    let mut site = Site::start("bans", FOR_AN_HOUR, &[]);
    for src in ["192.0.2.1", "2001:db8:1:2::3"].map(address) {
        assert_eq!(until_banned(&site, src), 2);
    }
    site.daemon.kill().expect("an end");
    let list = bans(&site, &[]);
    let source = |ban: &Value| ban["source"].as_str().expect("text").to_owned();
    let mut sources: Vec<String> = list.iter().map(source).collect();
    sources.sort();
    assert_eq!(sources, ["192.0.2.1/32", "2001:db8:1:2::/64"]);
    for ban in &list {
        assert_eq!(
            (
                &ban["scope"],
                &ban["given_by"],
                &ban["times"],
                &ban["iface"]
            ),
            (
                &"dns".into(),
                &"datapath".into(),
                &1.into(),
                &"veth-s".into()
            )
        );
        let time = |key: &str| ban[key].as_str().expect("text").parse::<Timestamp>();
        let (since, until) = (
            time("since").expect("a time"),
            time("until").expect("a time"),
        );
        let lasts = until.duration_since(since).as_secs_f64();
        assert!((3599.9..=3600.1).contains(&lasts), "{ban}");
        assert!(since <= Timestamp::now(), "{ban}");
    }
    assert_eq!(bans(&site, &["--source", "192.0.2.0/24"]).len(), 1);
    assert_eq!(bans(&site, &["--top", "1"]).len(), 1);
    let lines = site.cli_ok(&["dump", "bans", "-o", "jsonl"]);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(
        site.cli_ok(&["status"])
            .contains("bans     2 in force, 2 given to sources")
    );
    let counters = site
        .daemon
        .json(&["dump", "counters", "-o", "json"])
        .expect("JSON");
    assert_eq!(
        counters["interfaces"][0]["bans"],
        serde_json::json!({ "active": 2, "given": 2 })
    );
}

#[test]
fn a_prefix_is_banned_for_its_sources() {
    let site = Site::start("prefix", FOR_AN_HOUR, &["--log-format", "json"]);
    for src in ["192.0.2.1", "192.0.2.2"].map(address) {
        until_banned(&site, src);
    }
    let line = site
        .daemon
        .wait_stderr(0, "\"message\":\"banned prefix\"", LONG)
        .expect("a line");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    for (key, expected) in [
        ("source", "192.0.2.0/24".into()),
        ("scope", "dns".into()),
        ("sources", Value::from(2)),
        ("times", 1.into()),
    ] {
        assert_eq!(line[key], expected, "{line}");
    }
    let lasts = line["for_s"].as_f64().expect("seconds");
    assert!((3599.0..=3600.1).contains(&lasts), "{line}");
    assert_eq!(
        site.offer(address("192.0.2.99"), 3),
        0,
        "one that was never seen"
    );
    assert_eq!(site.offer(address("192.0.3.99"), 2), 2, "a neighbour");

    let list = bans(&site, &["--source", "192.0.2.0/24"]);
    let prefix: Vec<_> = list
        .iter()
        .filter(|ban| ban["source"] == "192.0.2.0/24")
        .collect();
    assert_eq!((list.len(), prefix.len()), (3, 1), "{list:?}");
    assert_eq!(prefix[0]["reason"], "2 sources banned within 10min");
    let found = explain(&site, "192.0.2.99");
    assert_eq!(
        (&found["verdict"], &found["reason"]),
        (&"drop".into(), &"banned".into())
    );
    assert!(
        found["sentence"]
            .as_str()
            .is_some_and(|text| text.contains("its whole prefix"))
    );

    let dump = site
        .daemon
        .json(&["dump", "buckets", "-o", "json"])
        .expect("JSON");
    let all = dump["buckets"].as_array().expect("a list");
    let parent = all
        .iter()
        .find(|bucket| bucket["class"] == "parent")
        .expect("a parent");
    assert_eq!(
        (&parent["source"], &parent["scope"]),
        (&"192.0.2.0/24".into(), &"dns".into())
    );
    assert!(
        parent["banned_for_s"]
            .as_f64()
            .is_some_and(|left| left > 3500.0),
        "{parent}"
    );
}
