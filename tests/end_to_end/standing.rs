//! What `status` says beyond the maps: since when and why it runs so, the latest reload, a fault, what passes now.

use std::os::fd::AsFd as _;

use serde_json::Value;
use throttler::kernel::sys;
use throttler_lab::{frames, topology::SERVER_IFACE};

use crate::site::{FIVE_A_DAY, LONG, PORT, Site, address, server};

fn status(site: &Site) -> Value {
    let json = site.daemon.json(&["status", "-o", "json"]).expect("JSON");
    json["interfaces"][0].clone()
}

#[test]
fn a_restart_goes_on_from_the_attachment() {
    let mut site = Site::start("standing", FIVE_A_DAY, &[]);
    let first = status(&site);
    assert_eq!(first["xdp_why"], "the driver supports it");
    site.daemon.kill().expect("an end");
    let alone = status(&site);
    assert_eq!(alone["attached_at"], first["attached_at"]);
    assert_eq!(
        (&alone["daemon_since"], &alone["fault"]),
        (&Value::Null, &Value::Null)
    );
    site.daemon.restart().expect("a daemon");
    let second = status(&site);
    assert_eq!(second["attached_at"], first["attached_at"]);
    assert_eq!(second["xdp_why"], first["xdp_why"]);
    assert!(second["daemon_since"].as_str() > first["daemon_since"].as_str());
    site.cli_ok(&["detach"]);
    let _ = site.daemon.kill();
    site.daemon.restart().expect("a daemon");
    let third = status(&site);
    assert!(third["attached_at"].as_str() > first["attached_at"].as_str());
}

#[test]
fn the_mode_has_a_reason() {
    let site = Site::start("standing-mode", FIVE_A_DAY, &["--xdp-mode", "generic"]);
    let said = site.cli_ok(&["status"]);
    assert!(
        said.contains("generic (asked for, by --xdp-mode generic), attached for "),
        "{said}"
    );
}

#[test]
fn a_reload_that_failed_is_shown_until_one_succeeds() {
    let mut site = Site::start("standing-reload", FIVE_A_DAY, &[]);
    assert_eq!(status(&site)["last_reload"], Value::Null);
    site.daemon
        .rewrite_policy("[scopes.dns]\nmatch = [{ port = 1 }]\n")
        .expect("a file");
    site.daemon.reload().expect("an answer");
    let failed = status(&site);
    let error = failed["last_reload"]["error"].as_str().expect("an error");
    assert!(error.contains("port"), "{error}");
    let said = site.cli_ok(&["status"]);
    assert!(
        said.contains("reload   FAILED") && said.contains("the policy before stays in force"),
        "{said}"
    );
    site.daemon.rewrite_policy(FIVE_A_DAY).expect("a file");
    site.daemon.reload().expect("an answer");
    let mended = status(&site);
    assert_eq!(mended["last_reload"]["error"], Value::Null);
    assert!(mended["last_reload"]["at"].as_str() > failed["last_reload"]["at"].as_str());
    assert!(site.cli_ok(&["status"]).contains("ago, in force"));
}

#[test]
fn a_fault_comes_first() {
    let site = Site::start("standing-fault", FIVE_A_DAY, &["--check-every-ms", "20"]);
    let lines = site.daemon.stderr_lines().len();
    let link = sys::open_pinned(&site.pins(SERVER_IFACE).link()).expect("the link");
    sys::detach(link.as_fd()).expect("detached");
    let said = site
        .daemon
        .wait_stderr(lines, "NOT enforced as the policy says", LONG);
    said.expect("a word");
    // Nothing is attached: status 3, and still a screen.
    let output = site.daemon.cli(&["status"]).expect("an end");
    assert_eq!(output.code(), Some(3), "{output:?}");
    let second = output.stdout.lines().nth(1).expect("a line");
    assert!(
        second.starts_with("  FAULT    it runs no XDP program"),
        "{output:?}"
    );
}

#[test]
fn what_passes_and_drops_now_is_counted() {
    let site = Site::start("standing-rates", FIVE_A_DAY, &[]);
    let source = address("192.0.2.1");
    let frame = frames::udp(source, server(source), 1024, PORT, 18);
    // Until a status falls into the traffic.
    std::thread::scope(|scope| {
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let injector = &site.injector;
        scope.spawn(move || {
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
                injector.send(&frame).expect("a frame");
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        });
        let rates = status(&site)["per_second"].clone();
        drop(stop);
        let [packets, dropped] =
            ["packets", "dropped"].map(|key| rates[key].as_f64().expect("a rate"));
        assert!(
            packets > 1.0 && dropped > 1.0 && dropped <= packets,
            "{rates}"
        );
    });
    let quiet = site.counters();
    let still = status(&site)["per_second"].clone();
    assert_eq!(site.counters(), quiet);
    assert_eq!(
        (&still["packets"], &still["dropped"]),
        (&0.0.into(), &0.0.into())
    );
}
