//! First refusals, pressure, and the share that is refused.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::json;
use throttler_lab::frames;

use super::{Events, fields, found, recent, wait_metric};
use crate::site::{FIVE_A_DAY, PORT, Site, address, server};

#[test]
fn the_first_refusal_is_found_and_no_other() {
    let site = Site::start("first", FIVE_A_DAY, &[]);
    let mut events = Events::follow(&site);
    for (count, src) in [(1, "192.0.2.1"), (2, "192.0.2.2"), (3, "2001:db8::1")] {
        site.offer(address(src), 9);
        let name = "throttler_alerts_total{iface=\"veth-s\",event=\"first_refusal\"}";
        wait_metric(&site, name, |found| found == count);
    }
    // The datapath tells of a source once a second.
    for _ in 0..2 {
        let (event, _) = events.next("refused");
        assert_eq!(event["scope"], "dns");
    }
    let before = recent(&site, "refused").len();
    while recent(&site, "refused").len() == before {
        site.offer(address("192.0.2.1"), 1);
    }
    assert_eq!(found(&site, "first_refusal"), 3);
}

#[test]
fn a_flood_of_first_refusals_is_summed() {
    const SOURCES: u64 = 400;
    let site = Site::start("first-flood", &FIVE_A_DAY.replace("5/day", "1/day"), &[]);
    let mut events = Events::follow(&site);
    let before = site.counters().packets;
    let source = |n: u64| IpAddr::from(Ipv4Addr::from(0x0a00_0000 + n as u32));
    let two = |n: u64| {
        let src = source(n);
        let frame = frames::udp(src, server(src), 1024, PORT, 18);
        [frame.clone(), frame]
    };
    let all: Vec<_> = (0..SOURCES).flat_map(two).collect();
    site.injector.send_many(&all).expect("frames");
    site.wait_packets(before + 2 * SOURCES);
    let (event, _) = events.next("first_refusal");
    assert!(
        event["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("and ")),
        "{event}"
    );
    wait_metric(
        &site,
        "throttler_alerts_total{iface=\"veth-s\",event=\"first_refusal\"}",
        |found| found == SOURCES,
    );
}

#[test]
fn a_share_of_more_than_a_tenth_is_told_of_and_its_end() {
    let site = Site::start("share", FIVE_A_DAY, &[]);
    let mut events = Events::follow(&site);
    site.offer(address("192.0.2.1"), 205);
    let (event, _) = events.next("refused_share");
    assert_eq!(
        fields(&event, ["iface", "refused"]),
        [json!("veth-s"), json!(200)]
    );
    assert!(
        event["share"].as_f64().is_some_and(|share| share > 0.5),
        "{event}"
    );
    // To another port, without a limit: many more than twenty times as many.
    let src = address("192.0.2.9");
    let frame = frames::udp(src, server(src), 1024, PORT + 1, 18);
    let before = site.counters().packets;
    site.injector.send_many(vec![frame; 6_000]).expect("frames");
    site.wait_packets(before + 6_000);
    let (event, before) = events.next("refused_share_over");
    assert!(
        event["share"].as_f64().is_some_and(|share| share < 0.05),
        "{event}"
    );
    assert!(
        before.iter().all(|event| event["event"] != "refused_share"),
        "{before:?}"
    );
    assert_eq!(found(&site, "refused_share"), 1);
}

#[test]
fn an_episode_of_pressure_is_one() {
    let policy =
        "[throttler]\nmax_sources = 1024\n[scopes.default.limits]\ndaily = { rate = \"1/day\" }\n";
    let site = Site::start("lookout-pressure", policy, &[]);
    let name = "throttler_alerts_total{iface=\"veth-s\",event=\"pressure\"}";
    let send = |first: u32| {
        let frame = |n: u32| {
            let src = IpAddr::from(Ipv4Addr::from(first + n));
            frames::udp(src, server(src), 1024, PORT, 18)
        };
        let all: Vec<_> = (0..4_000).map(frame).collect();
        let before = site.counters().packets;
        site.injector.send_many(&all).expect("frames");
        site.wait_packets(before + 4_000);
    };
    send(0x0a00_0000);
    wait_metric(&site, name, |found| found == 1);
    let lines = recent(&site, "table full").len();
    assert!(lines > 0);
    // More of the same.
    while recent(&site, "table full").len() == lines {
        send(0x0b00_0000);
    }
    assert_eq!(found(&site, "pressure"), 1);
}
