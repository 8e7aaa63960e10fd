//! Bans and limits of all sources together, in every document that tells of them. Needs root.

use std::net::IpAddr;

use throttler_lab::{frames, topology::SERVER_V4};

use crate::{
    attached::Attached,
    said::{snapshot, without_near_times, without_seconds},
};

const POLICY: &str = r#"
[throttler]
max_sources = 1024

[scopes.api]
match = [{ protocol = "tcp", ports = ["443"] }]
protected = ["pro"]
reserved = "25%"
[scopes.api.limits]
burst = { rate = "2/day", unit = "connections" }
[scopes.api.global]
total = { rate = "8/day", unit = "connections" }

[plans.pro.api]
burst = "60/day"
[[sources]]
from = ["198.51.100.0/24"]
plan = "pro"

[abuse]
ban_after = { refusals = 3, within = "10s" }
ban_for = "1h"
ban_max = "4h"
widen_after = { sources = 2, within = "10min" }
"#;

/// Banned, and with another one reason enough to ban their prefix.
const BANNED: [&str; 2] = ["203.0.113.5", "203.0.113.6"];
/// Of that prefix; sent nothing.
const NEIGHBOUR: &str = "203.0.113.77";
const PRO: &str = "198.51.100.7";
const OTHER: &str = "192.0.2.9";

fn attached(tag: &str) -> Attached {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let syn = |src, n: u16| {
        (0..n).map(move |port| frames::tcp_syn(address(src), SERVER_V4.into(), 1000 + port, 443))
    };
    // Six units of the limit of all are everybody's: two each.
    let mut sent: Vec<Vec<u8>> = Vec::new();
    for src in BANNED {
        sent.extend(syn(src, 6));
    }
    sent.extend(syn(OTHER, 2));
    sent.extend(syn(PRO, 1));
    Attached::with(tag, POLICY, &sent)
}

fn settled(text: &str) -> String {
    without_near_times(&without_seconds(text))
}

#[test]
fn bans_as_documents() {
    let attached = attached("bans-d");
    let json = attached.json(&["dump", "bans"]);
    snapshot!(
        "bans_json",
        serde_json::to_string_pretty(&json).expect("JSON")
    );
    snapshot!("bans_table", settled(&attached.text(&["dump", "bans"])));
    let buckets = settled(&attached.text(&["dump", "buckets"]));
    snapshot!("bans_buckets_table", buckets);
    snapshot!("bans_status", settled(&attached.text(&["status"])));
    snapshot!("bans_scopes", attached.text(&["dump", "scopes"]));
    let status = attached.json(&["status"]);
    snapshot!(
        "bans_status_json",
        serde_json::to_string_pretty(&status).expect("JSON")
    );
    let counters = attached.json(&["dump", "counters"]);
    let found = &counters["interfaces"][0];
    assert_eq!(
        found["bans"],
        serde_json::json!({ "active": 3, "given": 2 })
    );
    assert_eq!(
        found["pressure"],
        serde_json::json!({ "passed": 0, "refused": 0 })
    );
}

#[test]
fn bans_are_explained() {
    let attached = attached("bans-e");
    let mut texts = String::new();
    for address in [BANNED[0], NEIGHBOUR, PRO, OTHER, "192.0.2.99"] {
        let args = ["explain", address, "--port", "443"];
        texts += &format!(
            "$ throttler {}\n{}\n",
            args.join(" "),
            settled(&attached.text(&args))
        );
    }
    snapshot!("explain_bans_texts", texts.trim_end());
    for (name, address) in [("banned", BANNED[0]), ("prefix_banned", NEIGHBOUR)] {
        let json = attached.json(&["explain", address, "--port", "443"]);
        snapshot!(
            format!("explain_{name}_json"),
            serde_json::to_string_pretty(&json).expect("JSON")
        );
    }
}
