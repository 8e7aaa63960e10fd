//! What real packets are refused is in the report as soon as it is asked for: the daemon writes down what it has collected.

use serde_json::{Value, json};
use throttler_lab::topology::SERVER_IFACE;

use crate::{
    http::ask,
    site::{FIVE_A_DAY, Site, address},
};

fn rows(site: &Site) -> Vec<Value> {
    let report = site.daemon.json(&["report", "-o", "json"]).expect("JSON");
    report["violations"].as_array().expect("rows").clone()
}

fn brief(row: &Value) -> Value {
    json!([
        row["iface"],
        row["source"],
        row["scope"],
        row["limit"],
        row["rate"],
        row["reason"],
        row["refused"]["packets"],
        row["banned"]["packets"],
        row["bans"],
    ])
}

#[test]
fn refusals_and_bans_of_real_packets_are_in_the_report() {
    let policy = format!(
        "{FIVE_A_DAY}[abuse]\nban_after = {{ refusals = 4, within = \"1min\" }}\nban_for = \"1h\"\n"
    );
    let mut site = Site::start("report-written", &policy, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    // The fourth refusal bans; three more are dropped for that.
    assert_eq!(site.offer(address("192.0.2.2"), 12), 5);
    let expected = [
        json!([
            SERVER_IFACE,
            "192.0.2.2/32",
            "dns",
            "daily",
            "5/day",
            "over_limit",
            4,
            3,
            1
        ]),
        json!([
            SERVER_IFACE,
            "192.0.2.1/32",
            "dns",
            "daily",
            "5/day",
            "over_limit",
            2,
            0,
            0
        ]),
    ];
    // The command asks the daemon to write first.
    assert_eq!(rows(&site).iter().map(brief).collect::<Vec<_>>(), expected);
    assert_eq!(ask(&site, "GET /v1/history", "").status, 200);
    let served = ask(&site, "GET /v1/report", "").json();
    let served = served["violations"]
        .as_array()
        .expect("rows")
        .iter()
        .map(brief);
    assert_eq!(served.collect::<Vec<_>>(), expected);
    let now = jiff::Timestamp::now();
    for row in rows(&site) {
        let time = |key: &str| {
            row[key]
                .as_str()
                .expect("a time")
                .parse::<jiff::Timestamp>()
                .expect("a time")
        };
        assert!(
            time("first") <= time("last") && time("last") <= now,
            "{row}"
        );
        assert!(
            row["longest_wait_s"].as_f64().expect("seconds") > 3_600.0,
            "a fifth of a day: {row}"
        );
    }
    // Without a daemon the same is there.
    site.daemon.kill().expect("an end");
    assert_eq!(rows(&site).iter().map(brief).collect::<Vec<_>>(), expected);
}
