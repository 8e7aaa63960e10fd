//! `explain`: what becomes of an address, why, and by which rule. Needs root.

use serde_json::Value;

use crate::{
    attached::{Attached, BLOCKED, EXEMPT, GREEDY, MONITORED, PRO},
    said::{snapshot, without_seconds},
};

/// The one answer to a question that names a scope.
fn answer(attached: &Attached, args: &[&str]) -> Value {
    let value = attached.json(&[&["explain"], args].concat());
    let answers = value["buckets"].as_array().expect("a list");
    answers.first().expect("an answer").clone()
}

#[test]
fn each_class_has_its_answer() {
    let attached = Attached::new("explain");
    let mut texts = String::new();
    for (name, address) in [
        ("plan", PRO),
        ("over_limit", GREEDY),
        ("exempt", EXEMPT),
        ("blocked", BLOCKED),
        ("never_seen", "100.64.0.1"),
        ("unlimited", "198.51.100.200"),
    ] {
        let args = ["explain", address, "--port", "443"];
        texts += &format!(
            "$ throttler {}\n{}\n",
            args.join(" "),
            without_seconds(&attached.text(&args))
        );
        let json = serde_json::to_string_pretty(&attached.json(&args)).expect("JSON");
        snapshot!(format!("explain_{name}_json"), json);
    }
    let args = ["explain", MONITORED, "--port", "9001", "--proto", "udp"];
    texts += &format!(
        "$ throttler {}\n{}\n",
        args.join(" "),
        without_seconds(&attached.text(&args))
    );
    snapshot!("explain_texts", texts.trim_end());
}

#[test]
fn the_verdict_is_the_datapaths() {
    let attached = Attached::new("verdict");
    for (address, verdict, reason, class) in [
        (PRO, "pass", "conforming", "plan"),
        (GREEDY, "drop", "over_limit", "default"),
        (EXEMPT, "pass", "exempt", "exempt"),
        (BLOCKED, "drop", "blocked", "block"),
        ("100.64.0.1", "pass", "conforming", "default"),
        ("198.51.100.200", "pass", "unlimited", "plan"),
    ] {
        let found = answer(&attached, &[address, "--port", "443"]);
        assert_eq!(
            (&found["verdict"], &found["reason"], &found["class"]),
            (&verdict.into(), &reason.into(), &class.into()),
            "{address}: {found:#}"
        );
    }
    let blocked = answer(&attached, &[BLOCKED, "--port", "443"]);
    assert_eq!(blocked["until"], "2099-06-01T12:00:00Z");
    assert_eq!(blocked["rule_reason"], "abuse report 17");
    let greedy = answer(&attached, &[GREEDY, "--port", "443"]);
    assert_eq!(greedy["limits"][0]["remaining"], 0);
    assert_eq!(
        greedy["limits"][0]["retry_after_s"], "<seconds>",
        "more than 0"
    );
    assert_eq!(greedy["dropped"]["packets"], 2);
    let never = answer(&attached, &["100.64.0.1", "--port", "443"]);
    assert_eq!(never["last_seen_s"], Value::Null);
    attached.result(&["pause", "--for", "1min"]);
    let paused = answer(&attached, &[BLOCKED, "--port", "443"]);
    assert_eq!(
        (&paused["verdict"], &paused["reason"]),
        (&"pass".into(), &"paused".into())
    );
    attached.result(&["resume"]);
    let resumed = answer(&attached, &[BLOCKED, "--port", "443"]);
    assert_eq!(resumed["verdict"], "drop");
}

#[test]
fn port_and_protocol_pick_the_scope() {
    let attached = Attached::new("scope");
    let scopes = |args: &[&str]| -> Vec<String> {
        let value = attached.json(&[&["explain", PRO], args].concat());
        let answers = value["buckets"].as_array().expect("a list").iter();
        answers
            .map(|answer| answer["scope"].as_str().expect("text").to_owned())
            .collect()
    };
    // The layer that holds over a scope is asked along with it.
    assert_eq!(
        scopes(&["--port", "443"]),
        ["api", "edge"],
        "TCP where nothing else is said"
    );
    assert_eq!(scopes(&["--port", "443", "--proto", "udp"]), ["default"]);
    assert_eq!(scopes(&["--port", "9001", "--proto", "udp"]), ["bulk"]);
    assert_eq!(scopes(&["--port", "9001", "--proto", "17"]), ["bulk"]);
    assert_eq!(scopes(&["--proto", "icmp"]), ["default"]);
    assert_eq!(
        scopes(&[]),
        ["default", "api", "bulk", "edge"],
        "all, where nothing is asked"
    );
}
