//! Limits of all sources together: `global` limits, and the room in the source table.

use std::net::{IpAddr, Ipv4Addr};

use throttler_lab::frames;

use crate::site::{LONG, PORT, Site, address, server};

const GLOBAL: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
protected = ["pro"]
reserved = "25%"
[scopes.dns.limits]
daily = { rate = "100/day" }
[scopes.dns.global]
total = { rate = "20/day" }
[plans.pro]
dns = { daily = "200/day" }
[[sources]]
from = ["198.51.100.0/24"]
plan = "pro"
"#;

#[test]
fn a_global_limit_refuses_whoever_comes_too_late() {
    let site = Site::start("global", GLOBAL, &[]);
    // Three quarters of it are everybody's.
    let passed: u64 = (1..=16)
        .map(|host| site.offer(Ipv4Addr::new(192, 0, 2, host).into(), 1))
        .sum();
    assert_eq!(passed, 15);
    assert_eq!(site.counters().reason("dns", "global_limit").0, 1);
    let line = site
        .daemon
        .wait_stderr(0, " refused ", LONG)
        .expect("a line");
    for field in [
        "source=192.0.2.16/32",
        "limit=global.total rate=20/day",
        "reason=global_limit",
    ] {
        assert!(line.contains(field), "no `{field}` in {line}");
    }
    let explain = |src: &str| {
        let args = [
            "explain", src, "--port", "5300", "--proto", "udp", "-o", "json",
        ];
        site.daemon.json(&args).expect("JSON")["buckets"][0].clone()
    };
    let free = explain("192.0.2.99");
    assert_eq!(
        (&free["verdict"], &free["reason"]),
        (&"drop".into(), &"global_limit".into())
    );
    let limits = free["limits"].as_array().expect("limits");
    assert_eq!(
        (
            &limits[0]["limit"],
            &limits[0]["remaining"],
            &limits[1]["limit"],
            &limits[1]["remaining"]
        ),
        (
            &"daily".into(),
            &100.into(),
            &"global.total".into(),
            &0.into()
        )
    );
    let status = site.cli_ok(&["status"]);
    assert!(
        status.contains("USED UP: dns global.total for "),
        "{status}"
    );

    let pro = explain("198.51.100.1");
    assert_eq!(
        (&pro["verdict"], &pro["limits"][1]["remaining"]),
        (&"pass".into(), &5.into())
    );
    assert_eq!(
        site.offer(address("198.51.100.1"), 7),
        5,
        "what is kept for its plan"
    );
    assert_eq!(explain("198.51.100.1")["reason"], "global_limit");
    let scopes = site.cli_ok(&["dump", "scopes"]);
    assert!(
        scopes.contains("total 20/day packets (burst 20); 25 % kept for pro"),
        "{scopes}"
    );
}

#[test]
fn a_full_table_says_so() {
    let policy =
        "[throttler]\nmax_sources = 1024\n[scopes.default.limits]\ndaily = { rate = \"5/day\" }\n";
    let site = Site::start("full", policy, &[]);
    assert!(
        site.cli_ok(&["status"])
            .contains("no pressure on the table")
    );
    let sent = 4000;
    for number in 0..sent {
        let src = IpAddr::from(Ipv4Addr::from_bits(0xc633_0000 + number));
        let frame = frames::udp(src, server(src), 1024, PORT, 18);
        site.injector.send(&frame).expect("a frame");
    }
    let counters = site.wait_packets(u64::from(sent));
    let refused = counters.reason("default", "table_full").0;
    assert!(refused > 1000 && counters.sources <= 1024, "{counters:#?}");
    let line = site
        .daemon
        .wait_stderr(0, " table full ", LONG)
        .expect("a line");
    assert!(
        line.contains("scope=default refused=") && line.contains("refused_total="),
        "{line}"
    );

    let counters = site
        .daemon
        .json(&["dump", "counters", "-o", "json"])
        .expect("JSON");
    let found = &counters["interfaces"][0];
    let pressure = &found["pressure"];
    assert_eq!(pressure["refused"], refused);
    let known = found["sources"]["entries"].as_u64().expect("a count");
    let passed = pressure["passed"].as_u64().expect("a count");
    assert_eq!(known + passed + refused, u64::from(sent), "{found:#}");
    let status = site.cli_ok(&["status"]);
    assert!(
        status.contains(&format!(
            "{refused} packets of newcomers refused, {passed} passed"
        )),
        "{status}"
    );

    // Whom they were charged to instead.
    let dump = site
        .daemon
        .json(&["dump", "buckets", "-o", "json"])
        .expect("JSON");
    let all = dump["buckets"].as_array().expect("a list");
    let parents: Vec<_> = all
        .iter()
        .filter(|bucket| bucket["class"] == "parent")
        .collect();
    assert!(!parents.is_empty() && all.len() - parents.len() == known as usize);
    assert!(parents.iter().all(|parent| {
        parent["source"]
            .as_str()
            .is_some_and(|net| net.ends_with("/24"))
    }));
}
