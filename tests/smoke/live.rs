//! The daemon on a veth pair, in the driver and behind it: real packets, a reload, a restart, a detach.

use throttler::kernel::interface;
use throttler_lab::{Reload, topology::SERVER_IFACE};

use crate::report::note;
use crate::site::{FIVE_A_DAY, LONG, Site, address};

/// A small table: dumps read all of it.
fn policy(rate: &str) -> String {
    let limits = FIVE_A_DAY.replace("5/day", rate);
    format!("[throttler]\nmax_sources = 4096\n{limits}")
}

fn works(mode: &str) {
    let mut site = Site::start(
        &format!("smoke-{mode}"),
        &policy("5/day"),
        &["--xdp-mode", mode],
    );
    let (v4, v6) = (address("192.0.2.1"), address("2001:db8::1"));
    assert_eq!(site.offer(v4, 7), 5);
    assert_eq!(site.offer(v6, 2), 2);
    let status = site.daemon.json(&["status", "-o", "json"]).expect("JSON");
    let status = &status["interfaces"][0];
    assert_eq!(status["xdp_mode"], mode, "{status}");
    assert_eq!(status["attached"], true, "{status}");
    assert_eq!(status["totals"]["dropped"], 2, "{status}");

    // A reload keeps what is left, in units; nothing comes back.
    site.daemon
        .rewrite_policy(&policy("4/day"))
        .expect("a file");
    let reload = site.daemon.reload().expect("a word");
    assert!(matches!(reload, Reload::Applied(_)), "{reload:?}");
    assert_eq!(site.counters().generation, 2);
    assert_eq!(site.offer(v4, 1), 0);
    assert_eq!(site.offer(v6, 1), 1);

    // A daemon that was killed: the next one adopts maps and link.
    let (counters, buckets) = (site.counters(), site.buckets());
    assert_eq!(buckets.len(), 2, "{buckets:?}");
    let seen = site.daemon.stderr_lines().len();
    site.daemon.kill().expect("an end");
    site.daemon.restart().expect("a daemon");
    for text in ["adopted the pinned maps", "program replaced in place"] {
        site.daemon.wait_stderr(seen, text, LONG).expect("a word");
    }
    assert_eq!(site.counters().packets, counters.packets);
    assert_eq!(site.buckets(), buckets);
    assert_eq!(site.offer(v6, 4), 2, "what was left of four");

    site.daemon.stop().expect("an end");
    let found = site.lab.server().run(|| interface::find(SERVER_IFACE));
    assert_eq!(found.expect("an interface").xdp, None);
    let dump = site.daemon.cli(&["dump", "counters"]).expect("an end");
    assert_eq!(dump.code(), Some(3), "nothing is attached: {dump:?}");
    note(mode, true);
}

#[test]
fn the_daemon_works_in_native_mode() {
    works("native");
}

#[test]
fn the_daemon_works_in_generic_mode() {
    works("generic");
}
