//! Over the daemon's end and its death nothing is lost, and nothing counted twice.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use throttler_lab::frames;

use super::{kept, of, read, sums};
use crate::site::{FIVE_A_DAY, LONG, PORT, Site, address, server};

#[test]
fn what_is_refused_until_the_very_end_is_kept() {
    let mut site = Site::start("end", FIVE_A_DAY, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 30), 5);
    assert!(site.daemon.stop().expect("an end").success());
    assert_eq!(sums(&read(&site)).0, 25);
}

#[test]
fn what_is_refused_while_no_daemon_runs_is_found() {
    let mut site = Site::start("keep", FIVE_A_DAY, &["--on-exit", "keep"]);
    assert_eq!(site.offer(address("192.0.2.1"), 30), 5);
    assert!(site.daemon.stop().expect("an end").success());
    assert_eq!(sums(&read(&site)).0, 25);
    site.offer(address("192.0.2.1"), 10);
    assert_eq!(site.offer(address("2001:db8::1"), 9), 5);
    site.daemon.restart().expect("a daemon");
    let rows = kept(&site);
    assert_eq!(sums(of(&rows, "192.0.2.1/32")).0, 35, "{rows:#?}");
    assert_eq!(sums(of(&rows, "2001:db8::/64")).0, 4, "{rows:#?}");
    // With one limit in the scope there is no doubt which it was.
    assert!(rows.iter().all(|row| row.limit.as_deref() == Some("daily")));
}

#[test]
fn a_daemon_killed_again_and_again_loses_nothing() {
    let mut site = Site::start("kill", FIVE_A_DAY, &[]);
    let (first, second) = (address("192.0.2.1"), address("2001:db8::1"));
    let mut refused = 0;
    for round in 0..4_u64 {
        refused += 50 - site.offer(first, 50);
        if round % 2 == 0 {
            assert_eq!(sums(&kept(&site)).0, refused);
        }
        refused += 20 - site.offer(second, 20);
        site.daemon.kill().expect("an end");
        refused += 5 - site.offer(first, 5);
        site.daemon.restart().expect("a daemon");
    }
    let rows = kept(&site);
    assert_eq!(sums(&rows).0, refused, "{rows:#?}");
    assert_eq!(site.counters().reason("dns", "over_limit").0, refused);
    let bytes = site.counters().reason("dns", "over_limit").1;
    assert_eq!(sums(&rows).1, bytes);
}

#[test]
fn bans_outlive_a_kill() {
    let policy = format!(
        "{FIVE_A_DAY}[abuse]\nban_after = {{ refusals = 3, within = \"1min\" }}\nban_for = \"1h\"\n"
    );
    let mut site = Site::start("killban", &policy, &[]);
    site.daemon.kill().expect("an end");
    site.offer(address("192.0.2.1"), 20);
    site.daemon.restart().expect("a daemon");
    let rows = kept(&site);
    let found = sums(&rows);
    assert_eq!((found.0, found.2, found.4), (3, 12, 1), "{rows:#?}");
    site.daemon.kill().expect("an end");
    site.daemon.restart().expect("a daemon");
    assert_eq!(sums(&kept(&site)), found);
}

#[test]
fn a_daemon_killed_in_the_middle_of_refusals_loses_none() {
    let mut site = Site::start("middle", FIVE_A_DAY, &[]);
    let source = address("192.0.2.1");
    let frame = frames::udp(source, server(source), 1024, PORT, 18);
    for _ in 0..3 {
        let is_over = AtomicBool::new(false);
        let (daemon, injector) = (&mut site.daemon, &site.injector);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    injector.send(&frame).expect("a frame");
                }
            });
            let seen = daemon.stderr_lines().len();
            let killed = daemon
                .wait_stderr(0, " refused ", LONG)
                .and_then(|_| daemon.kill())
                .and_then(|_| daemon.restart())
                .and_then(|()| daemon.wait_stderr(seen, " refused ", LONG))
                .and_then(|_| daemon.kill());
            is_over.store(true, Ordering::Relaxed);
            killed.expect("a daemon that was killed");
        });
        site.daemon.restart().expect("a daemon");
        let rows = kept(&site);
        let refused = site.counters().reason("dns", "over_limit");
        assert_eq!((sums(&rows).0, sums(&rows).1), refused);
    }
}
