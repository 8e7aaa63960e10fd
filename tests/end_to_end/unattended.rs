//! The command line with the daemon dead: it reads and switches what is pinned.

use crate::site::{FIVE_A_DAY, LONG, PORT, Site, address};

const POLICY: &str = r#"
[plans.pro]
dns = { daily = "50/day" }
[[sources]]
from = ["198.51.100.0/24"]
plan = "pro"
[[sources]]
from = ["10.0.0.0/8"]
exempt = true
reason = "staff VPN"
"#;

/// A killed daemon that had refused 192.0.2.1.
fn dead(tag: &str) -> Site {
    let mut site = Site::start(tag, &format!("{FIVE_A_DAY}{POLICY}"), &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    site.daemon.kill().expect("an end");
    site
}

#[test]
fn dumps_work() {
    let site = dead("dump");
    let counters = site.counters();
    assert_eq!(
        (counters.packets, counters.passed, counters.dropped),
        (7, 5, 2)
    );
    let dump = |what| {
        let args = ["dump", what, "-o", "json"];
        let json = site.daemon.json(&args).expect("JSON");
        assert_eq!(json["schema_version"], 1);
        json[what].as_array().expect("a list").clone()
    };
    let buckets = dump("buckets");
    assert_eq!(buckets.len(), 1, "{buckets:?}");
    assert_eq!(
        (&buckets[0]["source"], &buckets[0]["limits"][0]["remaining"]),
        (&"192.0.2.1/32".into(), &0.into())
    );
    let scopes = dump("scopes");
    assert!(
        scopes.iter().any(|scope| scope["scope"] == "dns"),
        "{scopes:?}"
    );
    assert_eq!(dump("plans").len(), 1);
    let sources = dump("sources");
    let classes: Vec<_> = sources
        .iter()
        .map(|source| (source["prefix"].as_str(), source["reason"].as_str()))
        .collect();
    assert_eq!(
        classes,
        [
            (Some("10.0.0.0/8"), Some("staff VPN")),
            (Some("198.51.100.0/24"), None)
        ]
    );
    for what in ["counters", "buckets", "scopes", "plans", "sources"] {
        assert!(!site.cli_ok(&["dump", what]).is_empty());
    }
}

#[test]
fn status_says_that_there_is_no_daemon() {
    let mut site = Site::start("status", FIVE_A_DAY, &[]);
    let pid = site.daemon.pid().expect("a pid");
    let said = site.cli_ok(&["status"]);
    assert!(said.contains(&format!("daemon {pid}")), "{said}");
    site.daemon.kill().expect("an end");
    let said = site.cli_ok(&["status"]);
    assert!(
        said.contains("no daemon") && said.contains("enforcing"),
        "{said}"
    );
    let json = site.daemon.json(&["status", "-o", "json"]).expect("JSON");
    let state = &json["interfaces"][0];
    assert_eq!(
        (&state["attached"], &state["daemon_pid"]),
        (&true.into(), &().into())
    );
}

#[test]
fn explain_gives_the_reason() {
    let site = dead("explain");
    let port = PORT.to_string();
    for (addr, verdict, reason, plan) in [
        ("192.0.2.1", "drop", "over_limit", ().into()),
        ("192.0.2.2", "pass", "conforming", ().into()),
        ("198.51.100.1", "pass", "conforming", "pro".into()),
        ("10.1.2.3", "pass", "exempt", ().into()),
    ] {
        let question = ["explain", addr, "--port", &port, "--proto", "udp"];
        let json = site
            .daemon
            .json(&[&question[..], &["-o", "json"]].concat())
            .expect("JSON");
        let answer = &json["buckets"][0];
        assert_eq!(
            (&answer["verdict"], &answer["reason"], &answer["plan"]),
            (&verdict.into(), &reason.into(), &plan),
            "{addr}"
        );
        let said = site.cli_ok(&question);
        assert!(said.contains(addr) && said.contains("dns"), "{said}");
    }
    let said = site.cli_ok(&["explain", "10.1.2.3"]);
    assert!(said.contains("staff VPN"), "{said}");
}

#[test]
fn pause_and_resume_work() {
    let site = dead("pause");
    let src = address("192.0.2.1");
    let buckets = site.buckets();
    site.cli_ok(&["pause"]);
    assert_eq!(site.offer(src, 20), 20);
    assert_eq!(site.counters().reason("dns", "paused").0, 20);
    assert_eq!(site.buckets(), buckets, "a pause charges nobody");
    assert!(site.cli_ok(&["status"]).contains("paused"));
    site.cli_ok(&["resume"]);
    assert_eq!(site.offer(src, 3), 0);
    site.cli_ok(&["pause", "--for", "1s"]);
    // It ends without anybody to end it.
    let refused = |counters: &throttler_lab::Counters| {
        site.injector
            .send(&throttler_lab::frames::udp(
                src,
                crate::site::server(src),
                1024,
                PORT,
                18,
            ))
            .expect("a frame");
        counters.reason("dns", "over_limit").0 > 5
    };
    site.daemon.wait_counters(refused, LONG).expect("an end");
}
