//! Interfaces that appear late, vanish and return under a running daemon.

use std::net::IpAddr;

use throttler_lab::{Counters, Injector, frames};

use crate::{
    calm::{FIVE_A_DAY, LONG, PORT, Site, address, server},
    offered::offered,
};

/// An interface that is not there when the daemon starts; frames go in at the other end.
const LATE: &str = "late0";
const FAR: &str = "late1";

/// Runs `ip` in the server's namespace.
fn ip(site: &Site, args: &str) {
    let mut command = site.lab.server().command("ip");
    let output = throttler_lab::run(command.args(args.split(' ')), LONG).expect("an end");
    assert_eq!(output.code(), Some(0), "ip {args}: {output:?}");
}

fn appear(site: &Site) {
    ip(site, &format!("link add {LATE} type veth peer name {FAR}"));
    ip(site, &format!("link set {FAR} up"));
    ip(site, &format!("link set {LATE} up"));
}

fn vanish(site: &Site) {
    ip(site, &format!("link del {LATE}"));
}

/// What the daemon counted on the late interface.
fn counters(site: &Site) -> Counters {
    let args = ["dump", "counters", "--iface", LATE, "-o", "json"];
    let dump = site.daemon.json(&args).expect("counters");
    Counters::from_json(&dump, LATE).expect("counters")
}

/// How many of so many datagrams were passed there.
fn offer(site: &Site, src: IpAddr, n: u64) -> u64 {
    let injector = Injector::on(site.lab.server(), FAR).expect("a raw socket");
    let frame = frames::udp(src, server(src), 1024, PORT, 18);
    offered(|| counters(site), "dns", &injector, &frame, n)
}

/// Waits for a line that the daemon has not written before the `seen`-th.
fn said(site: &Site, seen: usize, text: &str) -> String {
    let line = site.daemon.wait_stderr(seen, text, LONG);
    line.expect("a word")
}

#[test]
fn an_interface_that_appears_late_is_attached() {
    let extra = ["--iface", LATE, "--wait-iface"];
    let mut site = Site::start("late", FIVE_A_DAY, &extra);
    let line = said(&site, 0, "waiting for it to appear");
    assert!(line.contains(LATE) && line.contains("WARN"), "{line}");
    // What there is is enforced, and can be read, changed and reloaded meanwhile.
    let src = address("192.0.2.1");
    assert_eq!(site.offer(src, 7), 5);
    assert!(!site.pins(LATE).exist());
    let all = address("192.0.2.7");
    site.cli_ok(&["exempt", "add", "192.0.2.7"]);
    site.daemon.reload().expect("a word");

    appear(&site);
    said(&site, 0, "enforcing on late0");
    assert_eq!(offer(&site, src, 7), 5, "a bucket of its own");
    assert_eq!(offer(&site, all, 9), 9, "exempt before it appeared");
    assert_eq!(site.offer(src, 1), 0);
    // A reload reaches both.
    let seen = site.daemon.stderr_lines().len();
    site.daemon.reload().expect("a word");
    said(&site, seen, "late0: policy generation");
    // Its events are read.
    said(&site, 0, "iface=late0 source=192.0.2.1");
    assert!(site.daemon.stop().expect("an end").success());
    assert!(!site.pins(LATE).exist());
}

#[test]
fn without_the_flag_a_missing_interface_is_an_error() {
    let site = Site::start("without", FIVE_A_DAY, &[]);
    let path = site.daemon.policy_path();
    let path = path.to_str().expect("a path");
    let run = ["run", "--iface", LATE, "-c", path];
    let output = site.daemon.cli(&run).expect("an end");
    assert_eq!(output.code(), Some(1), "{output:?}");
    assert!(output.stderr.contains("`late0`"), "{output:?}");
}

#[test]
fn an_interface_that_returns_goes_on_where_it_was() {
    let extra = ["--iface", LATE, "--wait-iface"];
    let mut site = Site::start("return", FIVE_A_DAY, &extra);
    appear(&site);
    said(&site, 0, "enforcing on late0");
    let (src, other) = (address("192.0.2.1"), address("2001:db8::1"));
    assert_eq!(offer(&site, src, 7), 5);
    assert_eq!(offer(&site, other, 2), 2);
    for round in 1..=3 {
        let seen = site.daemon.stderr_lines().len();
        vanish(&site);
        let line = said(&site, seen, "late0: the interface has gone");
        assert!(line.contains("WARN"), "{line}");
        let status = site.daemon.cli(&["status", "--iface", LATE]);
        let status = status.expect("an end");
        assert!(status.stdout.contains("NOT ATTACHED"), "{status:?}");
        let exempt = format!("198.51.100.{round}");
        site.cli_ok(&["exempt", "add", &exempt]);

        appear(&site);
        said(&site, seen, "enforcing on late0");
        assert_eq!(offer(&site, src, 3), 0, "round {round}: refilled");
        assert_eq!(offer(&site, address(&exempt), 9), 9);
        let gone = site.daemon.stderr_lines();
        let gone = gone[seen..].iter();
        let gone = gone.filter(|line| line.contains("has gone")).count();
        assert_eq!(gone, 1, "named once");
    }
    assert_eq!(offer(&site, other, 5), 3);
    // Nothing of it reached the other interface.
    assert_eq!(site.offer(src, 7), 5);
    assert!(site.daemon.stop().expect("an end").success());
}

#[test]
fn an_interface_that_refuses_is_named_once_and_tried_again() {
    let extra = ["--iface", LATE, "--wait-iface", "--xdp-mode", "native"];
    let site = Site::start("refuses", FIVE_A_DAY, &extra);
    // A bridge has no native XDP.
    ip(&site, &format!("link add {LATE} type bridge"));
    let line = said(&site, 0, "late0: the interface is there, but");
    assert!(line.contains("refuses native XDP"), "{line}");
    let enforced = site.offer(address("192.0.2.1"), 7);
    assert_eq!(enforced, 5, "the others go on");
    ip(&site, &format!("link set {LATE} up"));
    vanish(&site);
    appear(&site);
    said(&site, 0, "enforcing on late0");
    let lines = site.daemon.stderr_lines();
    let told = lines.iter().filter(|line| line.contains("but cannot be"));
    assert_eq!(told.count(), 1, "{lines:#?}");
}
