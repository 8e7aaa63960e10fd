//! Every document against live traffic: as JSON, JSON lines (which must hold the same) and a table. Needs root.

use serde_json::Value;

use crate::{
    attached::{Attached, BLOCKED, EXEMPT, GREEDY, MONITORED, PRO},
    said::{snapshot, without_seconds},
};

fn both(attached: &Attached, name: &str, args: &[&str]) {
    let json = serde_json::to_string_pretty(&attached.json(args)).expect("JSON");
    snapshot!(format!("{name}_json"), json);
    snapshot!(
        format!("{name}_table"),
        without_seconds(&attached.text(args))
    );
}

#[test]
fn counters_and_status() {
    let attached = Attached::new("docs-c");
    let counters = attached.text(&["dump", "counters"]);
    // Events may be one more where a second turned: only their place is pinned.
    let (head, rest) = counters.split_once("sources; ").expect("a head line");
    let (_, rest) = rest.split_once(" events").expect("events");
    snapshot!("counters_table", format!("{head}sources; N events{rest}"));
    let json = attached.json(&["dump", "counters"]);
    snapshot!(
        "counters_json",
        serde_json::to_string_pretty(&json).expect("JSON")
    );
    both(&attached, "status", &["status"]);
}

#[test]
fn the_policy_in_force() {
    let attached = Attached::new("docs-p");
    both(&attached, "scopes", &["dump", "scopes"]);
    both(&attached, "plans", &["dump", "plans"]);
    both(&attached, "sources", &["dump", "sources"]);
    let prefixes = |args: &[&str]| {
        names(
            &attached.json(&[&["dump", "sources"], args].concat())["sources"],
            "prefix",
        )
    };
    assert_eq!(
        prefixes(&["--source", "198.51.100.200/32"]),
        ["198.51.100.0/24", "198.51.100.128/25"]
    );
    assert_eq!(
        prefixes(&["--source", "2001:db8::/32"]),
        ["2001:db8:a::/48"]
    );
    assert_eq!(prefixes(&["--top", "1"]).len(), 1);
}

#[test]
fn buckets() {
    let attached = Attached::new("docs-b");
    // The order is by refusals; among equals it is nobody's promise.
    let mut json = attached.json(&["dump", "buckets"]);
    let list = json["buckets"].as_array_mut().expect("a list");
    list.sort_by_key(|bucket| (bucket["source"].to_string(), bucket["scope"].to_string()));
    snapshot!(
        "buckets_json",
        serde_json::to_string_pretty(&json).expect("JSON")
    );
    let table = without_seconds(&attached.text(&["dump", "buckets"]));
    let mut lines: Vec<&str> = table.lines().collect();
    lines[1..].sort_unstable();
    snapshot!("buckets_table", lines.join("\n"));
    let sources = |args: &[&str]| {
        names(
            &attached.json(&[&["dump", "buckets"], args].concat())["buckets"],
            "source",
        )
    };
    let all = sources(&[]);
    for source in [GREEDY, PRO, EXEMPT, BLOCKED].map(|address| format!("{address}/32")) {
        assert!(all.contains(&source), "{source} is not in {all:?}");
    }
    assert!(
        all.contains(&"2001:db8::/64".to_owned()),
        "{MONITORED} is not in {all:?}"
    );

    let pro = sources(&["--source", "198.51.100.0/24"]);
    assert!(
        !pro.is_empty() && pro.iter().all(|source| source == "198.51.100.7/32"),
        "{pro:?}"
    );
    assert_eq!(
        sources(&["--source", PRO]),
        pro,
        "an address is a prefix, too"
    );
    // A source lies around what is asked for.
    assert!(
        sources(&["--source", "2001:db8::5/128"])
            .iter()
            .all(|source| source == "2001:db8::/64")
    );
    assert_eq!(sources(&["--source", "10.200.0.0/16"]), [""; 0]);
    assert_eq!(sources(&["--top", "2"]), all[..2], "the worst come first");
    assert_eq!(sources(&["--top", "0"]), [""; 0]);
    assert_eq!(sources(&["--iface", "veth-s"]), all);
}

fn names(list: &Value, key: &str) -> Vec<String> {
    let items = list.as_array().expect("a list").iter();
    items
        .map(|item| item[key].as_str().expect("text").to_owned())
        .collect()
}
