//! What is made of a history, without one on a disk.

use std::path::Path;
use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Value, json};
use throttler_common::abi::Tally;

use super::gather::read;
use super::{Ask, By, Found, Period};
use crate::compile::{self, Clock, Description};
use crate::config;
use crate::history::Violation;

const MINUTE: i64 = 60;

fn violation(source: &str, plan: Option<&str>, minute: i64, packets: u64) -> Violation {
    let begin = minute * MINUTE;
    Violation {
        plan: plan.map(str::to_owned),
        limit: Some("burst".to_owned()),
        unit: Some("packets".to_owned()),
        rate: Some("10/min".to_owned()),
        refused: Tally {
            packets,
            bytes: packets * 100,
        },
        first: begin * 1000 + 1,
        last: begin * 1000 + 59_000,
        wait: Duration::from_millis(packets),
        ..Violation::none(
            begin,
            source.parse().expect("a prefix"),
            "api",
            "over_limit",
        )
    }
}

fn ask(by: &[By]) -> Ask {
    Ask {
        period: Period {
            since: 0,
            until: 24 * 3_600_000,
        },
        by: by.to_vec(),
        top: None,
        source: None,
        scope: None,
        plan: None,
    }
}

fn found(ask: Ask, most: usize, policy: Option<&Description>, all: &[Violation]) -> Found {
    let policies = [("eth0", policy), ("eth1", policy)];
    let oldest = all.iter().map(|one| one.begin * 1000).min();
    let found = read(ask, &policies, oldest, most, &|each| {
        for (index, one) in all.iter().enumerate() {
            each(index % 2, one);
        }
        Ok(())
    });
    found.expect("a report")
}

fn document(found: &Found) -> Value {
    let mut text = Vec::new();
    super::json(&mut text, found).expect("a document");
    serde_json::from_slice(&text).expect("JSON")
}

/// Two interfaces, many sources, all reasons.
fn many() -> Vec<Violation> {
    let mut all = Vec::new();
    for index in 0..600_u64 {
        let source = format!("10.{}.{}.{}/32", index % 3, index % 7, index % 50);
        let plan = ["free", "pro"].get(index as usize % 3).copied();
        let mut one = violation(&source, plan, index as i64, index % 11 + 1);
        one.monitored = index % 5 == 0;
        one.bans = u64::from(index % 13 == 0);
        one.banned.packets = one.bans * 7;
        if index % 4 == 0 {
            one.scope = "bulk".to_owned();
            one.reason = "table_full".to_owned();
            (one.limit, one.rate, one.unit) = (None, None, None);
        }
        all.push(one);
    }
    all
}

#[test]
fn shares_of_the_sources_make_the_same_report() {
    let all = many();
    let orders = [
        &[][..],
        &[By::Source],
        &[By::Plan],
        &[By::Scope, By::Plan],
        &[By::Network],
        &[By::Limit],
        &[By::Network, By::Limit],
    ];
    for by in orders {
        let whole = document(&found(ask(by), usize::MAX, None, &all));
        let shares = document(&found(ask(by), 20, None, &all));
        assert_eq!(whole, shares, "{by:?}");
    }
}

#[test]
fn every_grouping_sums_up_to_the_totals() {
    let all = many();
    let sum = |list: &Value, of: [&str; 2]| -> u64 {
        let list = list.as_array().expect("a list").iter();
        list.map(|item| item[of[0]][of[1]].as_u64().expect("a number"))
            .sum()
    };
    let packets = |monitored| -> u64 {
        let same = all.iter().filter(|one| one.monitored == monitored);
        same.map(|one| one.refused.packets).sum()
    };
    let sources: std::collections::BTreeSet<IpNet> = all.iter().map(|one| one.source).collect();
    for by in [By::Source, By::Plan, By::Scope, By::Network, By::Limit] {
        let json = document(&found(ask(&[by]), usize::MAX, None, &all));
        let totals = &json["totals"];
        assert_eq!(totals["refused"]["packets"], packets(false));
        assert_eq!(totals["spared"]["packets"], packets(true));
        assert_eq!(totals["sources"], sources.len() as u64);
        for list in ["violations", "plans"] {
            assert_eq!(
                sum(&json[list], ["refused", "packets"]),
                packets(false),
                "{by:?}"
            );
            assert_eq!(
                sum(&json[list], ["spared", "bytes"]),
                packets(true) * 100,
                "{by:?}"
            );
        }
        let bars = json["over_time"]["bars"].as_array().expect("bars").iter();
        let all: u64 = bars
            .flat_map(|bar| bar["refused"].as_object().expect("reasons").values())
            .map(|packets| packets.as_u64().expect("a number"))
            .sum();
        assert_eq!(all, packets(false));
    }
    let json = document(&found(ask(&[By::Source]), usize::MAX, None, &all));
    assert_eq!(
        json["violations"].as_array().expect("a list").len(),
        sources.len()
    );
}

#[test]
fn a_row_is_a_source_scope_plan_limit_and_reason() {
    let mut banned = violation("192.0.2.1/32", Some("free"), 3, 5);
    banned.bans = 2;
    banned.banned.packets = 40;
    banned.banned_until = Some(600_000);
    banned.rate = Some("20/min".to_owned());
    let mut monitored = violation("192.0.2.1/32", Some("free"), 4, 1);
    monitored.monitored = true;
    let all = [
        violation("192.0.2.1/32", Some("free"), 1, 10),
        violation("192.0.2.2/32", None, 2, 100),
        banned,
        violation("192.0.2.9/32", Some("free"), 2, 54),
        monitored,
    ];
    let json = document(&found(ask(&[]), usize::MAX, None, &all));
    let rows = json["violations"].as_array().expect("rows");
    let brief: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!([
                row["source"],
                row["plan"],
                row["refused"]["packets"],
                row["monitored"]
            ])
        })
        .collect();
    let expected = [
        json!(["192.0.2.2/32", null, 100, false]),
        // What was dropped while it was banned counts: 55 in all.
        json!(["192.0.2.1/32", "free", 15, false]),
        json!(["192.0.2.9/32", "free", 54, false]),
        json!(["192.0.2.1/32", "free", 1, true]),
    ];
    assert_eq!(brief, expected);
    let row = json!({
        "iface": "eth0", "source": "192.0.2.1/32", "sources": 1, "scope": "api", "plan": "free", "limit": "burst",
        "unit": "packets", "rate": "20/min", "reason": "over_limit", "monitored": false,
        "refused": {"packets": 15, "bytes": 1500}, "bytes_estimated": false, "banned": {"packets": 40, "bytes": 0},
        "bans": 2, "banned_until": "1970-01-01T00:10:00.000Z", "first": "1970-01-01T00:01:00.001Z",
        "last": "1970-01-01T00:03:59.000Z", "longest_wait_s": 0.01,
    });
    assert_eq!(rows[1], row);
}

#[test]
fn what_is_asked_for_alone_is_counted() {
    let all = many();
    let mut narrow = ask(&[]);
    narrow.source = Some("10.1.0.0/16".parse().expect("a prefix"));
    narrow.scope = Some("api".to_owned());
    narrow.plan = Some("pro".to_owned());
    narrow.top = Some(3);
    let json = document(&found(narrow, usize::MAX, None, &all));
    let within = |one: &&Violation| {
        let net: IpNet = "10.1.0.0/16".parse().expect("a prefix");
        net.contains(&one.source) && one.scope == "api" && one.plan.as_deref() == Some("pro")
    };
    let expected: u64 = all
        .iter()
        .filter(within)
        .filter(|one| !one.monitored)
        .map(|one| one.refused.packets)
        .sum();
    assert!(expected > 0);
    assert_eq!(json["totals"]["refused"]["packets"], expected);
    assert_eq!(json["violations"].as_array().expect("rows").len(), 3);
}

#[test]
fn what_is_summed_up_counts_as_its_sources() {
    let mut network = violation("10.0.0.0/24", None, 1, 100);
    network.sources = 30;
    let mut again = network.clone();
    again.scope = "bulk".to_owned();
    again.sources = 40;
    let all = [network, violation("10.0.0.1/32", None, 2, 1), again];
    let json = document(&found(ask(&[By::Network]), usize::MAX, None, &all));
    let group = &json["violations"][0];
    assert_eq!(
        (&group["network"], &group["sources"]),
        (&json!("10.0.0.0/24"), &json!(41))
    );
}

fn policy(text: &str) -> Description {
    let now = "2026-01-01T00:00:00Z".parse().expect("a time");
    let config = config::parse("test", text, Path::new(""), now).expect("a policy");
    let clock = Clock {
        monotonic_ns: 1,
        wall: now,
    };
    compile::compile(&config, None, clock)
        .expect("tables")
        .description
}

const PLANS: &str = r#"
[scopes.api]
match = [{ protocol = "tcp", ports = ["443"] }]
[scopes.api.limits]
burst = { rate = "10/min" }
[plans.free.api]
burst = "10/min"
[plans.pro.api]
burst = "60/min"
[plans.mid.api]
burst = "30/min"
[plans.vip]
api = "unlimited"
"#;

#[test]
fn the_next_plan_up_is_the_slowest_that_is_faster() {
    let policy = policy(PLANS);
    let mut other_rate = violation("192.0.2.4/32", Some("pro"), 0, 8);
    other_rate.rate = Some("50/min".to_owned());
    let mut top = violation("192.0.2.5/32", Some("pro"), 0, 9);
    top.rate = Some("60/min".to_owned());
    let all = [
        violation("192.0.2.1/32", None, 0, 1_000),
        violation("192.0.2.2/32", Some("free"), 0, 7),
        violation("192.0.2.3/32", Some("gone"), 0, 7),
        other_rate,
        top,
        violation("192.0.2.6/32", Some("vip"), 0, 7),
    ];
    let json = document(&found(ask(&[]), usize::MAX, Some(&policy), &all));
    let next = json["next_plan"].as_array().expect("a list").iter();
    let brief: Vec<Value> = next
        .map(|next| {
            let at_least = &next["admitted_at_least"];
            json!([
                next["source"],
                next["next_plan"],
                next["next_rate"],
                at_least
            ])
        })
        .collect();
    let expected = [
        // 30 at once where 10 are: twenty for sure, however they came.
        json!(["192.0.2.1/32", "mid", "30/min", 20]),
        json!(["192.0.2.5/32", "vip", null, 9]),
        json!(["192.0.2.2/32", "mid", "30/min", 7]),
    ];
    assert_eq!(brief, expected);
}

#[test]
fn what_the_history_does_not_reach_is_said() {
    let all = [violation("192.0.2.1/32", None, 5, 1)];
    let whole = found(ask(&[]), usize::MAX, None, &all);
    assert_eq!(document(&whole)["totals"]["complete"], false);
    assert_eq!(
        whole.cut().as_deref(),
        Some(
            "The oldest refusal that is kept is of 1970-01-01T00:05:00Z: nothing is known of the time before."
        )
    );
    let mut later = ask(&[]);
    later.period.since = 400_000;
    assert_eq!(found(later, usize::MAX, None, &all).cut(), None);
    let empty = found(ask(&[]), usize::MAX, None, &[]);
    assert_eq!(document(&empty)["totals"]["history_since"], Value::Null);
}
