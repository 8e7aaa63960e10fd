//! Where the program runs: native, generic, and on several interfaces at once.

use std::net::{Ipv4Addr, UdpSocket};

use serde_json::Value;
use throttler_lab::{Counters, UdpSink, topology::SERVER_IFACE};

use crate::site::{FIVE_A_DAY, LONG, PORT, Site, address, binary};

#[test]
fn auto_and_native_are_native_on_a_veth() {
    for extra in [&[][..], &["--xdp-mode", "auto"], &["--xdp-mode", "native"]] {
        let site = Site::start("native", FIVE_A_DAY, extra);
        assert_eq!(site.counters().xdp_mode, "native", "{extra:?}");
        let said = site.daemon.stderr_lines().join("\n");
        assert!(said.contains("enforcing on veth-s (native XDP)"), "{said}");
        assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    }
}

#[test]
fn generic_mode_enforces_the_same() {
    let mut site = Site::start("generic", FIVE_A_DAY, &["--xdp-mode", "generic"]);
    let sink = UdpSink::new(&site.lab, PORT).expect("a sink");
    for text in ["192.0.2.1", "2001:db8::1"] {
        assert_eq!(site.offer(address(text), 7), 5, "{text}");
    }
    assert!(sink.wait_for(10, LONG), "{:?}", sink.counts());
    let counters = site.counters();
    assert_eq!(counters.xdp_mode, "generic");
    assert_eq!(counters.reason("dns", "over_limit").0, 4);
    assert!(site.cli_ok(&["status"]).contains("generic"));

    // What runs in one mode is not silently moved to the other, nor lost.
    site.daemon.kill().expect("an end");
    site.daemon.set_command(binary(), &["--xdp-mode", "native"]);
    let error = site.daemon.restart().expect_err("a refusal").to_string();
    assert!(
        error.contains("generic") && error.contains("throttler detach"),
        "{error}"
    );
    let counters = site.counters();
    assert_eq!(counters.xdp_mode, "generic");
    assert_eq!(counters.generation, 1, "a refused start publishes nothing");
    assert_eq!(site.offer(address("192.0.2.1"), 2), 0, "still enforced");
    site.daemon.set_command(binary(), &[]);
    site.daemon.restart().expect("a daemon");
    assert_eq!(site.counters().xdp_mode, "generic");
}

/// The counters of `lo`.
fn loopback(site: &Site) -> Counters {
    let dump = site
        .daemon
        .json(&["dump", "counters", "-o", "json"])
        .expect("JSON");
    Counters::from_json(&dump, "lo").expect("counters of lo")
}

#[test]
fn two_interfaces_are_each_their_own() {
    let mut site = Site::start("both", FIVE_A_DAY, &["--iface", "lo"]);
    site.daemon
        .wait_stderr(0, "enforcing on lo (generic XDP)", LONG)
        .expect("lo");
    let fallback = site
        .daemon
        .wait_stderr(0, "lo: native XDP is not to be had", LONG)
        .expect("a warning");
    assert!(fallback.contains("generic mode"), "{fallback}");
    assert_eq!(site.counters().xdp_mode, "native");
    assert_eq!(loopback(&site).xdp_mode, "generic");

    let sink = UdpSink::new(&site.lab, PORT).expect("a sink");
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    // One socket of the server itself: 127.0.0.1 is a source like any other.
    site.lab.server().run(|| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        for _ in 0..8 {
            socket
                .send_to(b"hello", (Ipv4Addr::LOCALHOST, PORT))
                .expect("a datagram");
        }
    });
    assert!(sink.wait_for(10, LONG), "{:?}", sink.counts());
    let counters = loopback(&site);
    assert_eq!(
        (
            counters.reason("dns", "conforming").0,
            counters.reason("dns", "over_limit").0
        ),
        (5, 3)
    );
    assert_eq!(site.counters().packets, 7, "counted apart");
    // One document of both, the worst first: three were refused on lo, two beside it.
    let dump = |top: &[&str]| {
        let args = [&["dump", "buckets", "-o", "json"], top].concat();
        let document = site.daemon.json(&args).expect("a dump");
        let buckets = document["buckets"].as_array().expect("buckets").clone();
        let of = |bucket: &Value| (bucket["iface"].clone(), bucket["source"].clone());
        buckets.iter().map(of).collect::<Vec<_>>()
    };
    let both = [
        ("lo".into(), "127.0.0.1/32".into()),
        (SERVER_IFACE.into(), "192.0.2.1/32".into()),
    ];
    assert_eq!(dump(&[]), both);
    assert_eq!(dump(&["--top", "1"]), both[..1]);

    let good = FIVE_A_DAY.replace("5/day", "9/day");
    site.daemon.rewrite_policy(&good).expect("a policy");
    site.daemon.reload().expect("a word");
    site.daemon
        .wait_stderr(0, "lo: policy generation 2 in force", LONG)
        .expect("both reload");
    assert_eq!(
        (site.counters().generation, loopback(&site).generation),
        (2, 2)
    );

    assert!(site.daemon.stop().expect("an end").success());
    for iface in [SERVER_IFACE, "lo"] {
        assert!(!site.pins(iface).exist(), "{iface}");
    }
}

#[test]
fn one_interface_that_cannot_be_had_leaves_none_attached() {
    let mut site = Site::start("none", FIVE_A_DAY, &[]);
    assert!(site.daemon.stop().expect("an end").success());
    // veth-s can do native, lo cannot.
    let path = site.daemon.policy_path();
    let output = site
        .daemon
        .cli(&[
            "run",
            "--iface",
            SERVER_IFACE,
            "--iface",
            "lo",
            "--xdp-mode",
            "native",
            "-c",
            path.to_str().expect("a path"),
        ])
        .expect("an end");
    assert_eq!(output.code(), Some(1), "{output:?}");
    assert!(
        output.stderr.contains("lo refuses native XDP"),
        "{output:?}"
    );
    for iface in [SERVER_IFACE, "lo"] {
        assert!(!site.pins(iface).exist(), "{iface}");
    }
}
