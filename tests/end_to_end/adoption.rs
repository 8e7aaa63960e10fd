//! The next daemon goes on where the last one left off, or says why it cannot.

use throttler::kernel::interface;
use throttler_common::abi::map;
use throttler_lab::topology::SERVER_IFACE;

use crate::site::{FIVE_A_DAY, LONG, Site, address};

/// The program on the server's interface.
fn program(site: &Site) -> u32 {
    let find = || interface::find(SERVER_IFACE).expect("an interface");
    site.lab.server().run(find).xdp.expect("a program").1
}

/// Some sources with something left and some without.
fn use_up(site: &Site) {
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    assert_eq!(site.offer(address("192.0.2.2"), 2), 2);
    assert_eq!(site.offer(address("2001:db8::1"), 3), 3);
}

/// Starts again; nothing was lost, and packets were limited all the time.
fn assert_adopts(site: &mut Site) {
    let (counters, buckets, before) = (site.counters(), site.buckets(), program(site));
    let seen = site.daemon.stderr_lines().len();
    site.daemon.restart().expect("a daemon");
    for text in ["adopted the pinned maps", "program replaced in place"] {
        site.daemon.wait_stderr(seen, text, LONG).expect("a word");
    }
    assert_ne!(program(site), before, "another program");
    let after = site.counters();
    assert_eq!(after.generation, counters.generation + 1);
    assert_eq!(
        throttler_lab::Counters {
            generation: counters.generation,
            ..after
        },
        counters
    );
    assert_eq!(site.buckets(), buckets);
    assert_eq!(site.offer(address("192.0.2.1"), 3), 0);
    assert_eq!(site.offer(address("192.0.2.2"), 4), 3);
    assert_eq!(site.offer(address("2001:db8::1"), 4), 2);
}

#[test]
fn what_was_kept_is_adopted() {
    let mut site = Site::start("adopt", FIVE_A_DAY, &["--on-exit", "keep"]);
    use_up(&site);
    assert!(site.daemon.stop().expect("an end").success());
    assert_adopts(&mut site);
}

#[test]
fn what_a_killed_daemon_left_is_adopted() {
    let mut site = Site::start("adopt", FIVE_A_DAY, &[]);
    use_up(&site);
    site.daemon.kill().expect("an end");
    assert_adopts(&mut site);
    // And once more: an adopted one is adopted just as well.
    site.daemon.kill().expect("an end");
    let seen = site.daemon.stderr_lines().len();
    site.daemon.restart().expect("a daemon");
    site.daemon
        .wait_stderr(seen, "program replaced in place", LONG)
        .expect("a word");
    assert_eq!(site.offer(address("192.0.2.2"), 3), 0);
}

#[test]
fn buckets_outlive_a_link_that_is_gone() {
    let mut site = Site::start("link", FIVE_A_DAY, &[]);
    use_up(&site);
    site.daemon.kill().expect("an end");
    // With its last reference the link detaches; the maps stay pinned.
    std::fs::remove_file(site.pins(SERVER_IFACE).link()).expect("a pin");
    site.daemon.restart().expect("a daemon");
    site.daemon
        .wait_stderr(0, "adopted the pinned maps", LONG)
        .expect("a word");
    assert_eq!(site.offer(address("192.0.2.1"), 3), 0);
    assert_eq!(site.counters().xdp_mode, "native");
}

/// Starts again over pins that cannot be kept, which the daemon says, and why.
fn assert_starts_anew(site: &mut Site, why: &str) {
    let seen = site.daemon.stderr_lines().len();
    site.daemon.restart().expect("a daemon");
    let line = site
        .daemon
        .wait_stderr(seen, "could not be kept", LONG)
        .expect("a warning");
    assert!(line.contains(why) && line.contains(SERVER_IFACE), "{line}");
    assert!(line.contains("WARN"), "{line}");
    assert_eq!(site.counters().packets, 0);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5, "a new bucket");
}

#[test]
fn a_source_table_of_another_size_keeps_its_buckets() {
    let sized = |sources| format!("[throttler]\nmax_sources = {sources}\n{FIVE_A_DAY}");
    let mut site = Site::start("resize", &sized(1024), &[]);
    use_up(&site);
    site.daemon.kill().expect("an end");
    site.daemon.rewrite_policy(&sized(2048)).expect("a policy");
    let (counters, buckets) = (site.counters(), site.buckets());
    let seen = site.daemon.stderr_lines().len();
    site.daemon.restart().expect("a daemon");
    site.daemon
        .wait_stderr(
            seen,
            "room for 2048 sources of each family; 3 buckets go on, 0 found no room",
            LONG,
        )
        .expect("a word");
    assert_eq!(site.counters().packets, counters.packets);
    assert_eq!(site.buckets(), buckets);
    assert_eq!(site.offer(address("192.0.2.1"), 3), 0);
    assert_eq!(site.offer(address("192.0.2.2"), 4), 3);
}

#[test]
fn an_incomplete_pin_directory_is_replaced() {
    let mut site = Site::start("incomplete", FIVE_A_DAY, &[]);
    use_up(&site);
    site.daemon.kill().expect("an end");
    let pin = site.pins(SERVER_IFACE).map(map::SOURCES);
    std::fs::remove_file(pin).expect("a pin");
    let output = site.daemon.cli(&["dump", "counters"]).expect("an end");
    assert_eq!(output.code(), Some(3), "{output:?}");
    assert_starts_anew(&mut site, "incomplete");
}
