//! What the daemon refuses to do, by name, leaving all as it was.

use std::{
    os::fd::{AsFd as _, OwnedFd},
    path::PathBuf,
};

use throttler::kernel::{
    interface::{self, XdpMode},
    load,
    pins::Pins,
    sys,
};
use throttler_lab::{Daemon, Lab, topology::SERVER_IFACE};

use crate::site::{FIVE_A_DAY, Site, address, binary, lab};

/// The mode and the program on the server's interface.
fn xdp(lab: &Lab) -> Option<(XdpMode, u32)> {
    lab.server()
        .run(|| interface::find(SERVER_IFACE).expect("an interface").xdp)
}

/// Attaches a program that is not a daemon's; it stays as long as the link.
///
/// It is our own object, for there is no other at hand; that it is foreign is told by where it is pinned: nowhere.
fn attach_foreign(lab: &Lab, tag: &str) -> OwnedFd {
    // Of this name, so that the lab's sweep removes it should this process be killed here.
    let bpffs = PathBuf::from(format!("/sys/fs/bpf/thr-lab-{}-{tag}", std::process::id()));
    let pins = Pins::of(&bpffs, SERVER_IFACE);
    let loaded = load::load(&pins, load::PROGRAM, 64);
    pins.remove().expect("pins");
    std::fs::remove_dir_all(&bpffs).expect("a directory");
    let program = loaded.expect("a program").program;
    lab.server().run(|| {
        let index = sys::interface_index(SERVER_IFACE).expect("an index");
        sys::attach_xdp(program.as_fd(), index, sys::XDP_NATIVE).expect("a link")
    })
}

#[test]
fn a_foreign_program_is_named_and_left_alone() {
    let mut site = Site::start("foreign", FIVE_A_DAY, &[]);
    assert!(site.daemon.stop().expect("an end").success());
    let link = attach_foreign(&site.lab, "foreign");
    let foreign = xdp(&site.lab);
    let (_, id) = foreign.expect("a program");
    for mode in ["auto", "native", "generic"] {
        site.daemon.set_command(binary(), &["--xdp-mode", mode]);
        let error = site.daemon.restart().expect_err("a refusal").to_string();
        let named = format!("native XDP program `throttler` (id {id})");
        for text in [&*named, SERVER_IFACE, "not ours", "exit status: 1"] {
            assert!(error.contains(text), "no `{text}` in: {error}");
        }
        assert_eq!(xdp(&site.lab), foreign, "left alone");
        assert!(!site.pins(SERVER_IFACE).exist(), "nothing is left behind");
    }
    let doctor = site
        .daemon
        .cli(&["doctor", "--iface", SERVER_IFACE])
        .expect("an end");
    let named = format!("another XDP program runs here in native mode: `throttler` (id {id})");
    assert!(
        doctor.code() == Some(1) && doctor.stdout.contains(&named),
        "{doctor:?}"
    );
    drop(link);
    site.daemon.set_command(binary(), &[]);
    site.daemon.restart().expect("a daemon");
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
}

#[test]
fn frames_without_an_ethernet_header_are_refused() {
    let mut site = Site::start("tun", FIVE_A_DAY, &[]);
    assert!(site.daemon.stop().expect("an end").success());
    let mut ip = site.lab.server().command("ip");
    let made = ip
        .args(["tuntap", "add", "mode", "tun", "name", "tun0"])
        .status();
    assert!(made.expect("ip").success());
    let output = site
        .daemon
        .cli(&["run", "--iface", "tun0"])
        .expect("an end");
    assert_eq!(output.code(), Some(1), "{output:?}");
    for text in [
        "tun0",
        "no Ethernet header",
        "protect the interface below it",
    ] {
        assert!(output.stderr.contains(text), "no `{text}` in: {output:?}");
    }
    assert!(!site.pins("tun0").exist(), "nothing is left behind");
}

#[test]
fn a_daemon_of_other_directories_is_foreign() {
    let site = Site::start("other", FIVE_A_DAY, &[]);
    let first = xdp(&site.lab);
    let error = Daemon::start(&site.lab, binary(), FIVE_A_DAY, &[])
        .expect_err("a refusal")
        .to_string();
    assert!(
        error.contains("not ours") && error.contains(SERVER_IFACE),
        "{error}"
    );
    assert_eq!(xdp(&site.lab), first);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5, "the first enforces");
}

#[test]
fn a_second_daemon_is_refused_by_name() {
    let site = Site::start("second", FIVE_A_DAY, &[]);
    let path = site.daemon.policy_path();
    let path = path.to_str().expect("a path");
    let output = site
        .daemon
        .cli(&["run", "--iface", SERVER_IFACE, "-c", path])
        .expect("an end");
    assert_eq!(output.code(), Some(1), "{output:?}");
    let holder = format!("process {}", site.daemon.pid().expect("a pid"));
    for text in ["another daemon", &*holder, SERVER_IFACE] {
        assert!(output.stderr.contains(text), "{output:?}");
    }
    assert_eq!(site.counters().generation, 1, "the first one's policy");
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
}

#[test]
fn a_missing_interface_names_those_there_are() {
    let site = Site::start("nowhere", FIVE_A_DAY, &[]);
    let path = site.daemon.policy_path();
    let path = path.to_str().expect("a path");
    let output = site
        .daemon
        .cli(&["run", "--iface", "eth99", "-c", path])
        .expect("an end");
    assert_eq!(output.code(), Some(1), "{output:?}");
    for text in ["`eth99`", "lo", SERVER_IFACE] {
        assert!(output.stderr.contains(text), "{output:?}");
    }
    assert!(!site.pins("eth99").exist());
}

#[test]
fn a_bad_policy_attaches_nothing() {
    let lab = lab("badpolicy");
    let bad = FIVE_A_DAY.replace("5/day", "5/fortnight");
    let error = Daemon::start(&lab, binary(), &bad, &[])
        .expect_err("a refusal")
        .to_string();
    for text in ["exit status: 78", "5/fortnight", "^"] {
        assert!(error.contains(text), "no `{text}` in: {error}");
    }
    assert_eq!(xdp(&lab), None);
}
