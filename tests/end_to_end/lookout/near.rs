//! Long limits: 80 % used, and full again.

use serde_json::{Value, json};

use super::{Events, fields, found, looked, metric, recent, wait_metric};
use crate::site::{PORT, Site, address, server};
use throttler_lab::frames;

const GAUGE: &str = "throttler_near_limit_sources{iface=\"veth-s\"}";

/// A small table: it is looked at once a second.
fn policy(limits: &str) -> String {
    format!(
        "[throttler]\nmax_sources = 1024\non_exit = \"keep\"\n\
         [scopes.dns]\nmatch = [{{ protocol = \"udp\", ports = [{PORT}] }}]\n[scopes.dns.limits]\n{limits}\n"
    )
}

#[test]
fn the_packet_that_makes_80_per_cent_is_told_of_and_none_before() {
    for (tag, text, net) in [
        ("near-4", "192.0.2.1", "192.0.2.1/32"),
        ("near-6", "2001:db8:1:2::3", "2001:db8:1:2::/64"),
    ] {
        let site = Site::start(
            tag,
            &policy("daily = { rate = \"10/day\" }\nquick = { rate = \"5/s\", burst = 100 }"),
            &[],
        );
        let mut events = Events::follow(&site);
        let src = address(text);
        assert_eq!(site.offer(src, 7), 7);
        looked(&site);
        assert_eq!(
            (recent(&site, "near_limit"), metric(&site, GAUGE)),
            (vec![], 0)
        );
        assert_eq!(site.offer(src, 1), 1);
        let (event, _) = events.next("near_limit");
        let expected = json!([
            "veth-s", net, "dns", "daily", "packets", "10/day", 0.8, 0.0, false
        ]);
        let keys = [
            "iface",
            "source",
            "scope",
            "limit",
            "unit",
            "rate",
            "share",
            "retry_after_s",
            "monitored",
        ];
        assert_eq!(Value::from(fields(&event, keys).to_vec()), expected);
        let reset = event["reset_s"].as_f64().expect("seconds");
        assert!(
            (8640.0 * 8.0 - 600.0..=8640.0 * 8.0).contains(&reset),
            "{event}"
        );
        // Neither what follows, nor what is refused, is told of again.
        assert_eq!(site.offer(src, 4), 2);
        looked(&site);
        assert_eq!(
            (
                recent(&site, "near_limit").len(),
                found(&site, "near_limit")
            ),
            (1, 1)
        );
        assert_eq!(metric(&site, GAUGE), 1);
    }
}

#[test]
fn whoever_is_refused_by_a_long_limit_has_used_it_up() {
    let site = Site::start(
        "near-refused",
        &policy("daily = { rate = \"1000/day\", unit = \"bytes\" }"),
        &[],
    );
    let mut events = Events::follow(&site);
    let src = address("192.0.2.1");
    assert_eq!(site.offer(src, 1), 1);
    let large = frames::udp(src, server(src), 1024, PORT, 1_200);
    site.injector.send(&large).expect("a frame");
    let (event, _) = events.next("near_limit");
    assert_eq!(
        fields(&event, ["source", "limit", "share"]),
        [json!("192.0.2.1/32"), json!("daily"), json!(1.0)]
    );
}

#[test]
fn a_limit_that_is_full_again_is_told_of_once_and_may_be_near_again() {
    // A second a unit, and yet a limit by the hour.
    let site = Site::start(
        "near-reset",
        &policy("hourly = { rate = \"3600/hour\", burst = 5 }"),
        &[],
    );
    let mut events = Events::follow(&site);
    let src = address("192.0.2.1");
    for round in 1..=2 {
        site.offer(src, 7);
        let (near, _) = events.next("near_limit");
        assert_eq!(near["source"], "192.0.2.1/32", "{near}");
        let (reset, _) = events.next("limit_reset");
        let keys = ["iface", "source", "scope", "limit", "rate", "share"];
        assert_eq!(
            Value::from(fields(&reset, keys).to_vec()),
            json!(["veth-s", "192.0.2.1/32", "dns", "hourly", "3600/hour", 0.0])
        );
        assert_eq!(
            site.daemon
                .json(&["dump", "buckets", "-o", "json"])
                .expect("JSON")["buckets"][0]["limits"][0]["remaining"],
            5
        );
        wait_metric(&site, GAUGE, |near| near == 0);
        assert_eq!(
            (found(&site, "near_limit"), found(&site, "limit_reset")),
            (round, round)
        );
    }
}

#[test]
fn a_restart_neither_repeats_nor_forgets() {
    // Two seconds a unit: full ten seconds after it was used up.
    let mut site = Site::start(
        "near-restart",
        &policy("hourly = { rate = \"1800/hour\", burst = 5 }\ndaily = { rate = \"5/day\" }"),
        &[],
    );
    let mut events = Events::follow(&site);
    assert_eq!(site.offer(address("192.0.2.1"), 6), 5);
    for _ in 0..2 {
        events.next("near_limit");
    }
    wait_metric(&site, GAUGE, |near| near == 2);
    assert!(site.daemon.stop().expect("an end").success());
    let path = site.daemon.state_dir().join("veth-s.lookout.json");
    let file: Value = serde_json::from_slice(&std::fs::read(&path).expect("a file")).expect("JSON");
    assert_eq!(file["told"].as_array().map(Vec::len), Some(2), "{file}");

    site.daemon.restart().expect("a daemon");
    let end = std::time::Instant::now() + 6 * crate::site::LONG;
    while recent(&site, "limit_reset").is_empty() {
        assert!(std::time::Instant::now() < end, "never full again");
        std::thread::yield_now();
    }
    looked(&site);
    assert_eq!(recent(&site, "near_limit"), Vec::<Value>::new());
    let resets = recent(&site, "limit_reset");
    assert_eq!(
        (resets.len(), &resets[0]["limit"]),
        (1, &json!("hourly")),
        "{resets:?}"
    );
    assert_eq!(metric(&site, GAUGE), 1);

    // A file that is broken is set aside, and what it had is told again.
    assert!(site.daemon.stop().expect("an end").success());
    std::fs::write(&path, "{\"version\":1,").expect("written");
    let from = site.daemon.stderr_lines().len();
    site.daemon.restart().expect("a daemon");
    let word = site
        .daemon
        .wait_stderr(from, "may be told of again", crate::site::LONG);
    assert!(
        word.expect("a word")
            .contains("veth-s.lookout.json.broken-")
    );
    wait_metric(&site, GAUGE, |near| near == 1);
    assert_eq!(recent(&site, "near_limit")[0]["limit"], "daily");
}

#[test]
fn layers_globals_plans_and_monitor_mode_have_their_words() {
    let policy = format!(
        r#"
[throttler]
max_sources = 1024
mode = "monitor"
[scopes.dns]
match = [{{ protocol = "udp", ports = [{PORT}] }}]
[scopes.dns.limits]
daily = {{ rate = "1000/day" }}
[scopes.dns.global]
total = {{ rate = "10/day" }}
[layers.both]
scopes = ["dns"]
[layers.both.limits]
weekly = {{ rate = "5/7d" }}
[plans.free.dns]
daily = "20/day"
[plans.none]
dns = "unlimited"
[[sources]]
from = ["192.0.2.0/24"]
plan = "free"
[[sources]]
from = ["198.51.100.1/32"]
plan = "none"
[[sources]]
from = ["203.0.113.0/24"]
exempt = true
"#
    );
    let site = Site::start("near-all", &policy, &[]);
    let mut events = Events::follow(&site);
    // Nobody's but the layer's: 4 of 5 a week.
    site.offer(address("198.51.100.1"), 4);
    site.offer(address("203.0.113.1"), 50);
    let (layer, _) = events.next("near_limit");
    let keys = ["source", "scope", "limit", "share", "monitored"];
    let expected = json!(["198.51.100.1/32", "both", "both.weekly", 0.8, true]);
    assert_eq!(Value::from(fields(&layer, keys).to_vec()), expected);
    // Three sources of four: 12 are beyond the limit of all.
    for host in ["192.0.2.1", "192.0.2.2"] {
        site.offer(address(host), 4);
    }
    let mut told = std::collections::BTreeSet::new();
    while told.len() < 3 {
        let (event, _) = events.next("near_limit");
        assert_eq!(event["monitored"], true, "{event}");
        let source = event
            .get("source")
            .and_then(Value::as_str)
            .unwrap_or("all")
            .to_owned();
        assert!(
            told.insert((source, event["limit"].as_str().expect("a limit").to_owned())),
            "{event}"
        );
    }
    let expected = [
        ("192.0.2.1/32", "both.weekly"),
        ("192.0.2.2/32", "both.weekly"),
        ("all", "global.total"),
    ];
    let expected = expected.map(|(source, limit)| (source.to_owned(), limit.to_owned()));
    assert_eq!(told, expected.into());
}

#[test]
fn a_reload_that_changes_the_limit_keeps_what_was_told() {
    let mut site = Site::start("near-reload", &policy("daily = { rate = \"5/day\" }"), &[]);
    let mut events = Events::follow(&site);
    let src = address("192.0.2.1");
    assert_eq!(site.offer(src, 4), 4);
    events.next("near_limit");
    site.daemon
        .rewrite_policy(&policy("daily = { rate = \"10/day\" }"))
        .expect("a policy");
    site.daemon.reload().expect("a reload");
    looked(&site);
    assert_eq!((found(&site, "near_limit"), metric(&site, GAUGE)), (1, 1));
    // No longer by the hour: what was told is over without a word.
    site.daemon
        .rewrite_policy(&policy("daily = { rate = \"10/s\" }"))
        .expect("a policy");
    site.daemon.reload().expect("a reload");
    wait_metric(&site, GAUGE, |near| near == 0);
    assert_eq!(found(&site, "limit_reset"), 0);
}
