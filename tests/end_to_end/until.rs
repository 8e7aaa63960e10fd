//! A block that ends by itself, without a daemon to end it.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use crate::site::{LONG, Site, address};

/// How far the wall clock and the monotonic clock may drift apart within the test.
const DRIFT: SignedDuration = SignedDuration::from_millis(50);
/// The datapath keeps an end in units of 2^28 ns, rounded up: never early, and at most this late.
const UNIT: SignedDuration = SignedDuration::from_nanos(1 << throttler_common::abi::UNTIL_SHIFT);

#[test]
fn a_block_ends_at_its_time_with_the_daemon_killed() {
    // Enough for the daemon to start, and to be killed, also on a busy machine.
    let until = Timestamp::now() + SignedDuration::from_secs(3);
    let policy = format!(
        "[[sources]]\nfrom = [\"192.0.2.0/24\", \"2001:db8::/48\"]\nblock = true\nuntil = \"{until}\"\n"
    );
    let mut site = Site::start("until", &policy, &["--xdp-mode", "native"]);
    site.daemon.kill().expect("an end");

    let known = ["192.0.2.1", "2001:db8::1"].map(address);
    let (mut dropped, mut passed) = (0, 0);
    let end = Instant::now() + LONG;
    while passed < 5 {
        assert!(
            Instant::now() < end,
            "still blocked at {}",
            Timestamp::now()
        );
        for src in known {
            let before = Timestamp::now();
            let through = site.offer(src, 1) == 1;
            let after = Timestamp::now();
            if through {
                passed += 1;
                assert!(
                    after > until - DRIFT,
                    "{src} passes too early at {after}, of {until}"
                );
            } else {
                dropped += 1;
                assert!(
                    before < until + UNIT + DRIFT,
                    "{src} is still blocked at {before}, of {until}"
                );
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(dropped > 0, "the block was over before the first packet");
    let counters = site.counters();
    assert_eq!(counters.reason("default", "blocked").0, dropped);
    assert_eq!(counters.dropped, dropped);
    // So it does for a source that was not seen while the block was on.
    assert_eq!(site.offer(address("192.0.2.99"), 3), 3);
    assert_eq!(site.offer(address("2001:db8:0:9::9"), 3), 3);
}
