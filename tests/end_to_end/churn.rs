//! A dump while sources come and go: each of those that stay once, as it is, and nobody twice.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use serde_json::Value;
use throttler_lab::{Injector, frames};

use crate::site::{FIVE_A_DAY, Site, server};

/// Sources of one packet: their state says nothing any more as soon as it is written, so that the next takes their place.
const FAST: u16 = 5301;
const POLICY: &str = r#"
[scopes.fast]
match = [{ protocol = "udp", ports = [5301] }]
[scopes.fast.limits]
flood = { rate = "1000000/s" }
[throttler]
max_sources = 8192
"#;
/// As the policy has it.
const ROOM: u64 = 8_192;
const STAYING: u8 = 200;
const DUMPS: usize = 3;

fn staying(host: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, host).into()
}

/// Sends one packet each of ever new sources.
fn come_and_go(injector: &Injector, stop: &AtomicBool, sent: &AtomicU64) {
    for number in 0_u32.. {
        let source = IpAddr::from(Ipv4Addr::from(0x0b00_0000 + number));
        let frame = frames::udp(source, server(source), 1024, FAST, 18);
        injector.send(&frame).expect("a frame");
        sent.fetch_add(1, Ordering::Relaxed);
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

#[test]
fn who_stays_is_dumped_once_as_it_is() {
    let site = Site::start("churn", &format!("{FIVE_A_DAY}{POLICY}"), &[]);
    for host in 0..STAYING {
        assert_eq!(site.offer(staying(host), 7), 5);
    }
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut between = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| come_and_go(&site.injector, &stop, &sent));
        let dumps = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            // Until the table was turned over twice while it was dumped.
            while between.len() < DUMPS || between.iter().sum::<u64>() < 2 * ROOM {
                let before = sent.load(Ordering::Relaxed);
                dumped(&site);
                between.push(sent.load(Ordering::Relaxed) - before);
            }
        }));
        stop.store(true, Ordering::Relaxed);
        dumps.expect("dumps");
    });
    let newcomers = sent.load(Ordering::Relaxed);
    let counters = site.wait_packets(u64::from(STAYING) * 7 + newcomers);
    assert_eq!(counters.dropped, u64::from(STAYING) * 2);
}

/// One dump in full.
fn dumped(site: &Site) {
    let json = site
        .daemon
        .json(&["dump", "buckets", "-o", "json"])
        .expect("JSON");
    let mut seen: HashMap<String, &Value> = HashMap::new();
    for bucket in json["buckets"].as_array().expect("buckets") {
        let source = format!("{} {}", bucket["source"], bucket["scope"]);
        let earlier = seen.insert(source, bucket);
        assert!(earlier.is_none(), "twice: {bucket}");
    }
    for host in 0..STAYING {
        let bucket = seen[&format!("\"{}/32\" \"dns\"", staying(host))];
        let packets = ["passed", "dropped"].map(|way| bucket[way]["packets"].as_u64());
        assert_eq!(packets, [Some(5), Some(2)], "{bucket}");
        assert_eq!(bucket["limits"][0]["remaining"], 0, "{bucket}");
    }
}
