//! Pins as a daemon leaves them that is killed while it makes them, and pins of others: recognised, named, and nothing is
//! refilled or let through.

use std::{fs, net::IpAddr, os::fd::AsFd as _, path::Path, thread, time::Instant};

use throttler::{
    compile::compile,
    config,
    kernel::{
        link::{self, WantedMode},
        load::{self, Loaded, Reuse},
        map::Map,
        monotonic, publish, sys,
        tables::Tables,
    },
};
use throttler_common::{
    Reason,
    abi::{MAX_SCOPES, ScopeCounters, TableHead, map},
};
use throttler_lab::{frames, topology::SERVER_IFACE};

use crate::calm::{FIVE_A_DAY, LONG, PORT, Site, address, server};

/// [`FIVE_A_DAY`] with room for so many sources.
fn sized(sources: u32) -> String {
    format!("[throttler]\nmax_sources = {sources}\n{FIVE_A_DAY}")
}

/// Some sources, one family each.
fn sources() -> [IpAddr; 2] {
    ["192.0.2.1", "2001:db8::1"].map(address)
}

/// A killed daemon that had room for 1,024 sources; each of [`sources`] has sent three packets of five.
fn killed(tag: &str) -> Site {
    let mut site = Site::start(tag, &sized(1024), &[]);
    for source in sources() {
        assert_eq!(site.offer(source, 3), 3);
    }
    site.daemon.kill().expect("an end");
    site
}

/// What a daemon does at its start up to the moment when it has loaded: all else is what it is killed before.
fn load(site: &Site, sources: u32) -> Loaded {
    load::load(&site.pins(SERVER_IFACE), load::PROGRAM, sources).expect("a program")
}

fn attach(site: &Site, loaded: &Loaded) {
    let pins = site.pins(SERVER_IFACE);
    let attach = || link::attach(&pins, loaded.program.as_fd(), WantedMode::Auto);
    assert!(site.lab.server().run(attach).expect("a link").replaced);
}

/// Sends datagrams of the first of [`sources`] while no command can read the counters; how many have passed.
fn unseen(site: &Site, tables: &Tables, n: u64) -> u64 {
    let count = |reason: Option<Reason>| {
        let scopes = (0..MAX_SCOPES as u32).flat_map(|scope| {
            let counters = tables.counters.get_per_cpu(&scope);
            counters.expect("counters")
        });
        let packets = |counters: ScopeCounters| match reason {
            Some(reason) => counters.by_reason[reason as usize].packets,
            None => counters.by_reason.iter().map(|tally| tally.packets).sum(),
        };
        scopes.map(packets).sum::<u64>()
    };
    let (seen, passed) = (count(None), count(Some(Reason::Conforming)));
    let source = sources()[0];
    let frame = frames::udp(source, server(source), 1024, PORT, 18);
    for _ in 0..n {
        site.injector.send(&frame).expect("a frame");
    }
    let end = Instant::now() + LONG;
    while count(None) < seen + n {
        assert!(Instant::now() < end, "{} of {n} seen", count(None) - seen);
        thread::yield_now();
    }
    count(Some(Reason::Conforming)) - passed
}

/// Starts again with room for so many sources; the line that says `text`.
fn restart(site: &mut Site, sources: u32, text: &str) -> String {
    site.daemon
        .rewrite_policy(&sized(sources))
        .expect("a policy");
    let seen = site.daemon.stderr_lines().len();
    site.daemon.restart().expect("a daemon");
    site.daemon.wait_stderr(seen, text, LONG).expect("a word")
}

#[test]
fn killed_before_another_table_is_used_it_leaves_the_old_one() {
    let mut site = killed("before");
    let loaded = load(&site, 2048);
    assert!(matches!(loaded.reuse, Reuse::Resized(_)));
    drop(loaded);
    // These are charged to the old table.
    assert_eq!(site.offer(sources()[0], 1), 1);
    restart(&mut site, 2048, "room for 2048 sources");
    assert_eq!(site.offer(sources()[0], 3), 1);
    assert_eq!(site.offer(sources()[1], 3), 2);
}

#[test]
fn killed_while_another_table_takes_over_it_forgets_no_charge() {
    let mut site = killed("between");
    let loaded = load(&site, 2048);
    // Charged to the old table after it was copied.
    assert_eq!(site.offer(sources()[0], 1), 1);
    attach(&site, &loaded);
    drop(loaded);
    // Charged to the new one, whose pins are not yet in their place.
    let newcomer = address("192.0.2.9");
    assert_eq!(site.offer(newcomer, 7), 5);
    assert_eq!(site.offer(sources()[1], 3), 2);
    let line = restart(&mut site, 2048, "took the place of others");
    assert!(line.contains(SERVER_IFACE), "{line}");
    assert!(!site.pins(SERVER_IFACE).staging().exist());
    assert_eq!(site.offer(newcomer, 3), 0);
    assert_eq!(site.offer(sources()[0], 3), 1);
    assert_eq!(site.offer(sources()[1], 3), 0);
    // And another start finds nothing left to do.
    site.daemon.kill().expect("an end");
    restart(&mut site, 2048, "adopted the pinned maps");
    assert_eq!(site.offer(newcomer, 1), 0);
}

#[test]
fn killed_between_the_two_pins_of_a_table_it_can_go_on() {
    let mut site = killed("halfway");
    let loaded = load(&site, 2048);
    attach(&site, &loaded);
    drop(loaded);
    let pins = site.pins(SERVER_IFACE);
    let known = site.counters().sources;
    assert!(known > 0, "what there is to be read");
    fs::rename(pins.staging().map(map::SOURCES), pins.map(map::SOURCES)).expect("a pin");
    // Whoever reads meanwhile reads the table as it is laid out.
    assert_eq!(site.counters().sources, known);
    restart(&mut site, 2048, "took the place of others");
    for source in sources() {
        assert_eq!(site.offer(source, 4), 2);
    }
}

#[test]
fn maps_that_cannot_be_kept_enforce_until_others_do() {
    let mut site = killed("anew");
    let pins = site.pins(SERVER_IFACE);
    let old = Tables::open(&pins.dir).expect("maps");
    fs::remove_file(pins.map(map::STATS)).expect("a pin");
    let status = site.daemon.cli(&["status"]).expect("an end");
    assert_eq!(status.code(), Some(3), "{status:?}");
    for text in ["incomplete", SERVER_IFACE, "throttler detach"] {
        assert!(status.stderr.contains(text), "{status:?}");
    }
    // As a daemon that is killed when it has loaded.
    let loaded = load(&site, 1024);
    assert!(matches!(&loaded.reuse, Reuse::Replaced(why) if why.contains("incomplete")));
    drop(loaded);
    assert_eq!(unseen(&site, &old, 4), 2, "the old maps enforce");
    // As one that is killed when its program runs and its pins are not in their place.
    let loaded = load(&site, 1024);
    let clock = monotonic::now();
    let policy = config::parse("test.toml", FIVE_A_DAY, Path::new(""), clock.wall);
    let policy = policy.unwrap_or_else(|error| panic!("{error}"));
    let policy = compile(&policy, None, clock).expect("tables");
    publish::publish(&loaded.tables, &policy).expect("a policy");
    attach(&site, &loaded);
    assert_eq!(unseen(&site, &loaded.tables, 7), 5);
    drop(loaded);
    restart(&mut site, 1024, "took the place of others");
    assert_eq!(site.offer(sources()[0], 3), 0, "nothing is refilled");
    assert_eq!(site.counters().packets, 10);
}

#[test]
fn a_link_without_maps_is_taken_over_in_place() {
    let mut site = killed("maps");
    let pins = site.pins(SERVER_IFACE);
    for name in map::ALL {
        fs::remove_file(pins.map(name)).expect("a pin");
    }
    let line = restart(&mut site, 1024, "could not be kept");
    assert!(line.contains("incomplete"), "{line}");
    site.daemon
        .wait_stderr(0, "program replaced in place", LONG)
        .expect("no gap");
    assert_eq!(site.offer(sources()[0], 7), 5);
}

#[test]
fn any_part_of_the_maps_without_a_link_is_replaced() {
    for kept in 0..map::ALL.len() {
        let mut site = killed("part");
        let pins = site.pins(SERVER_IFACE);
        fs::remove_file(pins.link()).expect("a pin");
        for name in &map::ALL[kept..] {
            fs::remove_file(pins.map(name)).expect("a pin");
        }
        let line = restart(&mut site, 1024, "could not be kept");
        assert!(line.contains("incomplete"), "{kept}: {line}");
        assert_eq!(site.offer(sources()[0], 7), 5, "{kept}");
    }
}

#[test]
fn a_table_that_was_never_laid_out_is_replaced() {
    let mut site = killed("layout");
    let pins = site.pins(SERVER_IFACE);
    pins.remove().expect("nothing attached");
    drop(load(&site, 1024));
    let table: Map<u32, TableHead> = Map::open(&pins.map(map::TABLE)).expect("a map");
    let nothing = TableHead {
        seed: [0; 7],
        regions: Default::default(),
        ..table.get(&0).expect("a head").expect("a head")
    };
    table.set(&0, &nothing).expect("a head");
    drop(table);
    let line = restart(&mut site, 2048, "could not be kept");
    assert!(line.contains("never laid out"), "{line}");
    assert_eq!(site.offer(sources()[0], 7), 5);
}

#[test]
fn a_pin_of_another_kind_is_named() {
    let mut site = killed("kind");
    let pins = site.pins(SERVER_IFACE);
    // A link under the name of a map; and a map under the name of the link.
    for (name, other) in [
        (map::ACTIVE, pins.link()),
        (map::HEADS, pins.map(map::ROWS)),
    ] {
        fs::remove_file(pins.map(name)).expect("a pin");
        let fd = sys::open_pinned(&other).expect("a pin");
        sys::pin(fd.as_fd(), &pins.map(name)).expect("a pin");
        let line = restart(&mut site, 1024, "could not be kept");
        assert!(line.contains(&format!("map {name} has")), "{line}");
        assert_eq!(site.offer(sources()[0], 7), 5);
        site.daemon.kill().expect("an end");
    }
    fs::remove_file(pins.link()).expect("a pin");
    let fd = sys::open_pinned(&pins.map(map::ROWS)).expect("a pin");
    sys::pin(fd.as_fd(), &pins.link()).expect("a pin");
    drop(fd);
    restart(&mut site, 1024, "enforcing on");
    assert_eq!(site.offer(sources()[0], 3), 0, "the maps are kept");
    assert_eq!(site.counters().xdp_mode, "native");
}

#[test]
fn a_program_of_another_version_is_named() {
    let mut site = killed("abi");
    let pins = site.pins(SERVER_IFACE);
    let ours = pins.dir.parent().expect("a version");
    let other = site.daemon.bpffs().join("v1");
    fs::rename(ours, &other).expect("a directory");
    let error = site.daemon.restart().expect_err("a refusal").to_string();
    for text in ["another version", "v1", SERVER_IFACE, "left alone"] {
        assert!(error.contains(text), "no `{text}` in: {error}");
    }
    assert!(!pins.exist());
    fs::rename(&other, ours).expect("a directory");
    assert_eq!(site.offer(sources()[0], 4), 2, "it went on enforcing");
}
