//! However many are refused, the history stays small, and its sums exact.

use std::{collections::BTreeMap, net::Ipv4Addr, process::Command, time::Instant};

use throttler::history::bounds::{NETWORKS, SOURCES};
use throttler_common::abi::EVENT_RING_BYTES;
use throttler_lab::{Volley, frames};

use super::{flushed, kept, read, sums};
use crate::site::{LONG, PORT, Site, server};

const ONE_A_DAY: &str = r#"
[throttler]
max_sources = 16384
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "1/day" }
"#;

/// Each of so many sources sends so many datagrams, all but the first of which are refused.
fn send(site: &Site, sources: u32, each: u32) {
    let before = site.counters().packets;
    let mut volley = Volley::new(&site.lab).expect("a volley");
    for number in 0..sources {
        // Some hundred networks.
        let source = Ipv4Addr::from(0xc612_0000 + number).into();
        let frame = frames::udp(source, server(source), 1024, PORT, 18);
        for _ in 0..each {
            volley.push(&frame).expect("a frame");
        }
    }
    volley.flush().expect("frames");
    site.wait_packets(before + u64::from(sources * each));
}

#[test]
fn a_flood_of_sources_is_summed_up_by_network() {
    let site = Site::start("flood", ONE_A_DAY, &[]);
    let sources = 5_000;
    send(&site, sources, 3);
    let refused = site.counters().reason("dns", "over_limit");
    assert_eq!(refused.0, u64::from(sources) * 2);
    let rows = kept(&site);
    assert_eq!((sums(&rows).0, sums(&rows).1), refused);
    let stood_for: u64 = rows.iter().map(|row| row.sources).sum();
    assert!(stood_for >= u64::from(sources), "{stood_for}");
    let mut slices: BTreeMap<_, (usize, usize)> = BTreeMap::new();
    for row in &rows {
        let slice = slices.entry(row.begin).or_default();
        match row.source.prefix_len() {
            32 => slice.0 += 1,
            _ => slice.1 += 1,
        }
    }
    for (singles, wide) in slices.values() {
        assert!(*singles <= SOURCES && *wide <= NETWORKS + 1, "{slices:?}");
    }
    // Another request writes no more single ones of the same minute.
    send(&site, sources, 1);
    let refused = site.counters().reason("dns", "over_limit");
    let rows = kept(&site);
    assert_eq!((sums(&rows).0, sums(&rows).1), refused);
}

#[test]
fn what_no_event_told_of_is_found() {
    let site = Site::start("lost", ONE_A_DAY, &[]);
    let pid = site.daemon.pid().expect("a pid").to_string();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &pid]).status();
        assert!(sent.expect("kill").success());
    };
    // More than the ring has room for.
    let sources = (EVENT_RING_BYTES / 80 + 2_000) as u32;
    assert!(sources < 16_384, "the table has room for them");
    signal("-STOP");
    send(&site, sources, 2);
    signal("-CONT");
    let counters = site.daemon.json(&["dump", "counters", "-o", "json"]);
    let sent = &counters.expect("counters")["interfaces"][0]["events"]["sent"];
    assert!(
        sent.as_u64().is_some_and(|sent| sent < u64::from(sources)),
        "{sent}"
    );
    // Some found no room in the table, and are in a row for all of these.
    let counters = site.counters();
    let (over, full) = (
        counters.reason("dns", "over_limit"),
        counters.reason("dns", "table_full"),
    );
    let refused = (over.0 + full.0, over.1 + full.1);
    let end = Instant::now() + LONG;
    loop {
        flushed(&site);
        let rows = read(&site);
        let found = sums(&rows);
        if (found.0, found.1) == refused {
            let of_all = rows.iter().filter(|row| row.reason == "table_full");
            assert_eq!(sums(of_all).0, full.0);
            break;
        }
        assert!(Instant::now() < end, "{found:?} of {refused:?}");
    }
}
