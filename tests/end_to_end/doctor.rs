//! `doctor` on interfaces in every state, each finding with its mend.

use serde_json::Value;
use throttler_lab::topology::SERVER_IFACE;

use crate::site::{FIVE_A_DAY, Site, address};

/// The findings of an interface, and the exit status.
fn findings(site: &Site, iface: &str) -> (Vec<Value>, Option<i32>) {
    let output = site
        .daemon
        .cli(&["doctor", "--iface", iface, "-o", "json"])
        .expect("an end");
    let json: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(json["schema_version"], 1);
    let mut all = json["findings"].as_array().expect("findings").clone();
    for finding in &all {
        let is_well = finding["level"] == "ok";
        assert_eq!(
            finding["mend"].is_null(),
            is_well,
            "a mend where one is needed: {finding}"
        );
        assert!(
            !finding["found"].as_str().expect("a text").is_empty(),
            "{finding}"
        );
    }
    all.retain(|finding| finding["iface"] == *iface);
    (all, output.code())
}

/// Level and text of a finding.
fn said<'a>(findings: &'a [Value], check: &str) -> (&'a str, &'a str) {
    let found = findings.iter().find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check} in {findings:#?}"));
    let text = |key: &str| found[key].as_str().expect("a text");
    (text("level"), text("found"))
}

#[test]
fn an_interface_in_order_has_nothing_to_mend() {
    let site = Site::start("doctor", FIVE_A_DAY, &[]);
    site.offer(address("192.0.2.1"), 7);
    let (found, code) = findings(&site, SERVER_IFACE);
    assert_eq!(code, Some(0));
    let pid = site.daemon.pid().expect("a daemon");
    assert_eq!(
        said(&found, "daemon"),
        ("ok", &*format!("process {pid}; its self-check succeeds"))
    );
    assert_eq!(
        said(&found, "program"),
        ("ok", "runs in native mode (the driver supports it)")
    );
    assert_eq!(
        said(&found, "native XDP"),
        ("ok", "the driver (veth) supports it")
    );
    assert_eq!(said(&found, "link"), ("ok", "up"));
    let (level, memory) = said(&found, "memory");
    assert_eq!(level, "ok");
    // All fourteen maps, the source table's at the head.
    assert_eq!(
        memory.split(", ").count(),
        throttler_common::abi::map::ALL.len(),
        "{memory}"
    );
    assert!(memory.contains(" in maps: SOURCES "), "{memory}");
    assert_eq!(said(&found, "events").0, "ok");
    assert_eq!(said(&found, "source table").0, "ok");
    let text = site.cli_ok(&["doctor"]);
    assert!(
        text.contains("this host\n") && text.contains(&format!("{SERVER_IFACE}\n")),
        "{text}"
    );
}

#[test]
fn generic_mode_and_a_dead_daemon_are_named() {
    let mut site = Site::start("doctor-gen", FIVE_A_DAY, &["--xdp-mode", "generic"]);
    site.daemon
        .rewrite_policy("[scopes.dns]\nmatch = 1\n")
        .expect("a file");
    site.daemon.reload().expect("an answer");
    let (found, code) = findings(&site, SERVER_IFACE);
    // Worth a word each, and no failure.
    assert_eq!(code, Some(0));
    assert_eq!(said(&found, "program").0, "warn");
    let (level, daemon) = said(&found, "daemon");
    assert!(
        level == "warn" && daemon.contains("latest reload failed"),
        "{daemon}"
    );
    site.daemon.kill().expect("an end");
    let (found, code) = findings(&site, SERVER_IFACE);
    assert_eq!((said(&found, "daemon").0, code), ("warn", Some(0)));
}

#[test]
fn what_does_not_work_is_a_failure() {
    let site = Site::start("doctor-bad", FIVE_A_DAY, &["--check-every-ms", "20"]);
    let ip = |args: &str| {
        let mut command = site.lab.server().command("ip");
        let output = command.args(args.split(' ')).output().expect("ip");
        assert!(output.status.success(), "ip {args}: {output:?}");
    };
    let (found, code) = findings(&site, "eth7");
    let (level, _) = said(&found, "interface");
    assert_eq!((level, code), ("fail", Some(1)));
    ip("tuntap add mode tun name tun0");
    let (found, code) = findings(&site, "tun0");
    assert_eq!((said(&found, "link").0, code), ("fail", Some(1)));
    ip("link add br0 type bridge");
    let (found, code) = findings(&site, "br0");
    assert_eq!((said(&found, "bond, VLAN").0, code), ("warn", Some(0)));
    assert_eq!(said(&found, "native XDP").0, "warn");
    // Taken off behind the daemon's back.
    let lines = site.daemon.stderr_lines().len();
    ip(&format!("link set dev {SERVER_IFACE} mtu 1400"));
    let link =
        throttler::kernel::sys::open_pinned(&site.pins(SERVER_IFACE).link()).expect("a link");
    throttler::kernel::sys::detach(std::os::fd::AsFd::as_fd(&link)).expect("detached");
    site.daemon
        .wait_stderr(lines, "NOT enforced as the policy says", crate::site::LONG)
        .expect("a word");
    let (found, code) = findings(&site, SERVER_IFACE);
    assert_eq!((said(&found, "program").0, code), ("fail", Some(1)));
    assert_eq!(
        said(&found, "MTU"),
        ("ok", "1400: a frame fits into one buffer")
    );
}
