//! What a daemon leaves behind at its end, wanted or not.

use throttler::kernel::interface;
use throttler_lab::{UdpSink, topology::SERVER_IFACE};

use crate::site::{FIVE_A_DAY, LONG, PORT, Site, address};

/// Whether an XDP program is on the server's interface.
fn attached(site: &Site) -> bool {
    let find = || interface::find(SERVER_IFACE).expect("an interface");
    site.lab.server().run(find).xdp.is_some()
}

#[test]
fn sigterm_detaches_and_removes_the_pins() {
    let mut site = Site::start("term", FIVE_A_DAY, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    assert!(attached(&site) && site.pins(SERVER_IFACE).complete());
    assert!(site.daemon.stop().expect("an end").success());
    assert!(!attached(&site) && !site.pins(SERVER_IFACE).exist());
    let output = site.daemon.cli(&["status"]).expect("an end");
    assert_eq!(output.code(), Some(3), "{output:?}");
    assert!(output.stderr.contains("nothing is attached"), "{output:?}");
}

/// Whoever waits for the daemon's word that it enforces may signal it at once, as systemd does on a quick restart.
#[test]
fn sigterm_right_after_the_start_detaches() {
    for round in 0..10 {
        let mut site = Site::start("early", FIVE_A_DAY, &[]);
        let status = site.daemon.stop().expect("an end");
        assert!(status.success(), "start {round}: {status}");
        assert!(!attached(&site) && !site.pins(SERVER_IFACE).exist());
    }
}

/// The daemon ends and leaves its program enforcing.
fn assert_keeps(mut site: Site) {
    let src = address("192.0.2.1");
    assert_eq!(site.offer(src, 3), 3);
    let seen = site.daemon.stderr_lines().len();
    assert!(site.daemon.stop().expect("an end").success());
    site.daemon
        .wait_stderr(seen, "left enforcing", LONG)
        .expect("a last word");
    assert!(attached(&site));
    assert_eq!(site.offer(src, 4), 2, "enforced with no daemon");
    assert_eq!(site.counters().packets, 7, "the counters go on");
}

#[test]
fn the_option_keeps_the_program() {
    assert_keeps(Site::start("keep", FIVE_A_DAY, &["--on-exit", "keep"]));
}

#[test]
fn the_policy_keeps_the_program() {
    let policy = format!("[throttler]\non_exit = \"keep\"\n{FIVE_A_DAY}");
    assert_keeps(Site::start("keep", &policy, &[]));
}

#[test]
fn the_option_overrides_the_policy() {
    let policy = format!("[throttler]\non_exit = \"keep\"\n{FIVE_A_DAY}");
    let mut site = Site::start("override", &policy, &["--on-exit", "detach"]);
    assert!(site.daemon.stop().expect("an end").success());
    assert!(!attached(&site) && !site.pins(SERVER_IFACE).exist());
}

#[test]
fn a_killed_daemon_leaves_enforcement() {
    let mut site = Site::start("kill", FIVE_A_DAY, &[]);
    let src = address("2001:db8::1");
    assert_eq!(site.offer(src, 3), 3);
    site.daemon.kill().expect("an end");
    assert!(attached(&site));
    assert_eq!(site.offer(src, 4), 2);
    assert_eq!(site.offer(address("192.0.2.9"), 9), 5, "new sources, too");
}

#[test]
fn detach_removes_everything_and_packets_flow() {
    let mut site = Site::start("detach", FIVE_A_DAY, &[]);
    let sink = UdpSink::new(&site.lab, PORT).expect("a sink");
    let src = address("192.0.2.1");
    assert_eq!(site.offer(src, 30), 5);
    assert!(sink.wait_for(5, LONG));
    site.daemon.kill().expect("an end");
    let said = site.cli_ok(&["detach"]);
    assert!(said.contains("veth-s: detached"), "{said}");
    assert!(!attached(&site) && !site.pins(SERVER_IFACE).exist());
    for _ in 0..30 {
        let frame = throttler_lab::frames::udp(src, crate::site::server(src), 1024, PORT, 18);
        site.injector.send(&frame).expect("a frame");
    }
    assert!(sink.wait_for(35, LONG), "{:?}", sink.counts());
    let again = site.daemon.cli(&["detach"]).expect("an end");
    assert_eq!(again.code(), Some(3), "{again:?}");
    // The next daemon starts from nothing.
    site.daemon.restart().expect("a daemon");
    assert_eq!(site.counters().packets, 0);
    assert_eq!(site.offer(src, 7), 5);
}

#[test]
fn detach_under_a_daemon_says_that_it_still_runs() {
    let mut site = Site::start("under", FIVE_A_DAY, &[]);
    let pid = site.daemon.pid().expect("a pid");
    let said = site.cli_ok(&["detach", "--iface", SERVER_IFACE]);
    assert!(said.contains(&format!("process {pid}")), "{said}");
    assert!(!attached(&site));
    assert!(site.daemon.stop().expect("an end").success());
}
