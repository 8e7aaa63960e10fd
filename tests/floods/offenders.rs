//! A flood of sources that the table has room for and that are all over their limits: each is worth a line a second.

use std::time::{Duration, Instant};

use crate::{
    flood::{max_sources, spoofed, turn},
    ground::Ground,
    judge::{bounded, flat},
    kind::Kind,
    site::Site,
};

/// Enough that all of them are too many to tell of in a second, on any number of CPUs that a test machine has.
const ROOM: u64 = 65_536;

/// So that some thousands are told of, which a daemon that kept them would be larger by.
const LEAST: Duration = Duration::from_secs(3);

/// What the history may take beside: what it has of each offender, and rows that wait.
const HISTORY: u64 = 24 * 1_024;

#[test]
fn the_abuse_log_and_the_daemon_stay_small() {
    // Whoever kept events would be larger by less than the history is.
    run("[history]\nenabled = false\n", 0);
}

#[test]
fn the_history_of_a_flood_stays_small() {
    run("", HISTORY);
}

fn run(history: &str, more: u64) {
    let _turn = turn();
    let room = max_sources().max(ROOM);
    let offenders = room * 3 / 4;
    let packets = spoofed().max(4 * offenders);
    let policy = format!(
        "[throttler]\nmax_sources = {room}\n[scopes.default.limits]\neach = {{ rate = \"1/day\" }}\n{history}"
    );
    let mut site = Site::start(&policy, &["default".to_owned()]);
    site.wait_for_the_lookout();
    let ground = Ground::new(Kind::Everywhere, offenders, 1);
    let mut template = Kind::Everywhere.spoofed();
    let (first, mut middle, begin) = (site.memory(), 0, Instant::now());
    let mut sent = 0;
    while sent < packets || begin.elapsed() < LEAST {
        for source in ground.spoofed() {
            site.volley.push(template.of(source)).expect("a frame");
        }
        sent += offenders;
        if middle == 0 && sent >= packets / 2 {
            middle = site.memory();
        }
    }
    let counters = site.settled();
    let seconds = begin.elapsed().as_secs_f64();
    let over = counters.reason_total("over_limit").0;
    assert!(over > packets / 2, "{counters:#?}");
    let events = bounded(&site, &counters, seconds);
    let memory = [first, middle, site.memory()];
    flat([first + more, middle, site.memory()]);
    let (_, left) = site.told(counters.events_sent);
    assert!(left > 0, "{events}");
    assert_eq!(site.left_out(), left);
    println!(
        "floods: {offenders} offenders: {over} packets over their limits in {seconds:.1} s; \
         memory {memory:?} KiB; {events}"
    );
}
