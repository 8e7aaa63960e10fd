//! `throttler report` beside a daemon: what the maps add to a history, and the same over the control socket.

use serde_json::{Value, json};
use throttler::history::Violation;
use throttler_lab::topology::SERVER_IFACE;

use crate::{
    http::ask,
    past::{DAY, keep, violation},
    site::{Site, address},
};

const POLICY: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
burst = { rate = "50/s" }
hourly = { rate = "6/hour" }
daily = { rate = "5/day" }
[plans.pro.dns]
daily = "50/day"
[plans.vip]
dns = "unlimited"
"#;

/// Packets that a source was refused by its daily limit.
fn refused(source: &str, plan: Option<&str>, minute: i64, packets: u64) -> Violation {
    Violation {
        scope: "dns".to_owned(),
        plan: plan.map(str::to_owned),
        limit: Some("daily".to_owned()),
        unit: Some("packets".to_owned()),
        rate: Some(if plan.is_some() { "50/day" } else { "5/day" }.to_owned()),
        ..violation(source, minute, packets)
    }
}

fn report(site: &Site, args: &[&str]) -> Value {
    let args = [&["report", "-o", "json"][..], args].concat();
    site.daemon.json(&args).expect("JSON")
}

fn brief(list: &Value, keys: &[&str]) -> Vec<Value> {
    let list = list.as_array().expect("a list").iter();
    let one = |item: &Value| keys.iter().map(|key| item[key].clone()).collect();
    list.map(one).collect()
}

#[test]
fn the_maps_say_who_is_near_a_limit_and_which_plan_is_next() {
    let site = Site::start("report-near", POLICY, &[]);
    // Four of five a day, four of six an hour; another half of its day.
    assert_eq!(site.offer(address("192.0.2.1"), 4), 4);
    assert_eq!(site.offer(address("192.0.2.2"), 2), 2);
    keep(
        &site.daemon.state_dir(),
        SERVER_IFACE,
        &[
            refused("192.0.2.7/32", None, 1, 30),
            refused("192.0.2.7/32", None, 2, 30),
            refused("192.0.2.8/32", Some("pro"), 3, 12),
        ],
    );
    let found = report(&site, &DAY);
    assert_eq!(found["live"], true);
    let near = brief(
        &found["near"],
        &["source", "limit", "period_s", "burst", "remaining", "used"],
    );
    assert_eq!(
        near,
        [json!(["192.0.2.1/32", "daily", 86_400.0, 5, 1, 0.8])]
    );
    let next = brief(
        &found["next_plan"],
        &[
            "source",
            "plan",
            "next_plan",
            "next_rate",
            "admitted_at_least",
        ],
    );
    let expected = [
        // 45 more at once; in the minute between, less than one comes back.
        json!(["192.0.2.7/32", null, "pro", "50/day", 45]),
        json!(["192.0.2.8/32", "pro", "vip", null, 12]),
    ];
    assert_eq!(next, expected);
    // The fifth and sixth packet: the day is used up, the hour nearly.
    assert_eq!(site.offer(address("192.0.2.1"), 1), 1);
    let near = brief(&report(&site, &DAY)["near"], &["limit", "remaining"]);
    assert_eq!(near, [json!(["daily", 0]), json!(["hourly", 1])]);
    let table = site.cli_ok(&[&["report"][..], &DAY].concat());
    assert!(
        table.contains("At 80 % of a daily limit or more, now") && !table.contains("hourly"),
        "{table}"
    );
    assert!(table.contains("45 packets"), "{table}");
}

#[test]
fn over_the_control_socket_it_is_the_same() {
    let site = Site::start("report-http", POLICY, &[]);
    let day = [
        refused("192.0.2.7/32", None, 1, 30),
        refused("192.0.2.8/32", Some("pro"), 3, 12),
    ];
    keep(&site.daemon.state_dir(), SERVER_IFACE, &day);
    let query = "since=2026-11-20T00:00:00Z&until=2026-11-21T00:00:00Z";
    let get = |query: &str| ask(&site, &format!("GET /v1/report?{query}"), "");
    let answer = get(query);
    assert_eq!(
        (answer.status, answer.kind.as_str()),
        (200, "application/json")
    );
    assert_eq!(answer.json(), report(&site, &DAY));
    let by = get(&format!("{query}&by=plan,limit&top=1&iface={SERVER_IFACE}")).json();
    let args = [&DAY[..], &["--by", "plan,limit", "--top", "1"]].concat();
    assert_eq!(by, report(&site, &args));
    assert_eq!(
        brief(&by["violations"], &["plan", "scope", "limit"]),
        [json!([null, "dns", "daily"])]
    );
    let later = get(&format!("since={}", "2026-11-20T00:02:30Z")).json();
    assert_eq!(later["totals"]["refused"]["packets"], 12);
    for (bad, named) in [
        ("since=yesterday", "`since`"),
        ("until=2026-13-01T00:00:00Z", "`until`"),
        (
            "since=2026-11-20T00:00:00Z&until=2026-11-19T00:00:00Z",
            "begins",
        ),
        ("by=planet", "source, plan, scope, network, limit"),
        ("top=0", "1 to 10000"),
        ("top=many", "1 to 10000"),
        ("source=10.0.0.1/8", "`source`"),
        ("colour=red", "since, until, by"),
    ] {
        let detail = get(bad).problem(422);
        assert!(detail.contains(named), "{bad}: {detail}");
    }
    get("iface=lo").problem(404);
    ask(&site, "POST /v1/report", "").problem(405);
}

#[test]
fn without_the_daemon_it_goes_on() {
    let mut site = Site::start("report-down", POLICY, &[]);
    keep(
        &site.daemon.state_dir(),
        SERVER_IFACE,
        &[refused("192.0.2.7/32", None, 1, 30)],
    );
    let running = report(&site, &DAY);
    site.daemon.kill().expect("an end");
    assert_eq!(report(&site, &DAY), running);
    site.cli_ok(&["detach"]);
    let alone = report(&site, &DAY);
    assert_eq!(
        (&alone["violations"], &alone["live"]),
        (&running["violations"], &json!(false))
    );
}
