//! The self-check and what it must not leave behind; healing of what somebody took out of the maps.

use std::{fs, net::IpAddr, os::fd::AsFd as _, os::fd::OwnedFd, time::Instant};

use serde_json::Value;
use throttler::kernel::{sys, tables::Tables};
use throttler_common::abi::{Addr, CLASS_KEY_LEAD, ClassKey, active, map};
use throttler_lab::topology::SERVER_IFACE;

use crate::{
    http::ask,
    site::{LONG, Site, address},
};

const OFTEN: [&str; 2] = ["--check-every-ms", "20"];
const NEVER: [&str; 2] = ["--check-every-ms", "100000000"];
const BLOCKED: &str = "192.0.2.66";

/// A policy with a class trie, in a mode.
fn policy(mode: &str) -> String {
    format!(
        "[throttler]\nmode = \"{mode}\"\n[scopes.dns]\nmatch = [{{ protocol = \"udp\", ports = [5300] }}]\n[scopes.dns.limits]\n\
         daily = {{ rate = \"5/day\" }}\n[[sources]]\nfrom = [\"{BLOCKED}\"]\nblock = true\n"
    )
}

fn tables(site: &Site) -> Tables {
    Tables::open(&site.pins(SERVER_IFACE).dir).expect("the maps")
}

fn word(tables: &Tables, index: u32) -> u64 {
    tables.active.get(&index).expect("a word").expect("a word")
}

/// A metric of the interface.
fn metric(site: &Site, name: &str) -> u64 {
    let text = ask(site, "GET /metrics", "").body;
    let start = format!("{name}{{iface=\"{SERVER_IFACE}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&start));
    value
        .unwrap_or_else(|| panic!("no {name} in {text}"))
        .parse()
        .expect("a number")
}

/// Waits until `is`; each look is a request to the daemon, which answers between two self-checks.
fn wait(what: &str, mut is: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !is() {
        assert!(Instant::now() < end, "never: {what}");
    }
}

/// Everything that users read.
fn read(site: &Site) -> Vec<Value> {
    let mut read = ["counters", "buckets", "sources", "bans"].map(|what| {
        site.daemon
            .json(&["dump", what, "-o", "json"])
            .expect("a document")
    });
    // What time alone changes.
    for bucket in read[1]["buckets"].as_array_mut().expect("buckets") {
        let known = bucket.as_object_mut().expect("a bucket");
        known.retain(|key, _| ["source", "scope", "passed", "dropped"].contains(&key.as_str()));
    }
    read.to_vec()
}

/// Canaries run so far.
fn canaries(tables: &Tables) -> u64 {
    let kinds = active::CANARIES_MALFORMED..=active::CANARIES_PAUSED;
    kinds.map(|kind| word(tables, kind)).sum()
}

#[test]
fn canaries_are_seen_by_nobody() {
    for mode in ["enforce", "monitor"] {
        let site = Site::start(&format!("check-{mode}"), &policy(mode), &OFTEN);
        let source: IpAddr = address("192.0.2.1");
        let passed = site.offer(source, 7);
        assert_eq!(passed, if mode == "monitor" { 7 } else { 5 });
        site.offer(address(BLOCKED), 1);
        let tables = tables(&site);
        let before = read(&site);
        let many = canaries(&tables) + 40;
        // The documents are the same at any time, canary or not.
        let end = Instant::now() + LONG;
        while canaries(&tables) < many {
            assert!(Instant::now() < end, "no canaries");
            assert_eq!(read(&site)[0], before[0]);
        }
        assert_eq!(read(&site), before);
        assert_eq!(metric(&site, "throttler_selfcheck_successful"), 1);
        let desired = metric(&site, "throttler_desired_entries");
        assert!(desired > 3, "{desired}");
        assert_eq!(metric(&site, "throttler_enforced_entries"), desired);
        assert_eq!(metric(&site, "throttler_heals_total"), 0);
        let events = site.cli_ok(&["events", "-o", "jsonl"]);
        assert!(!events.contains("100::"), "{events}");
        assert_eq!(
            site.daemon
                .stderr_lines()
                .iter()
                .filter(|line| line.contains("NOT enforced"))
                .count(),
            0
        );
    }
}

#[test]
fn every_publish_is_checked() {
    let mut site = Site::start("check-publish", &policy("enforce"), &NEVER);
    let tables = tables(&site);
    // The start's own, before it says that it enforces.
    let mut before = canaries(&tables);
    assert_eq!(before, 2, "{:#?}", site.daemon.stderr_lines());
    let desired = metric(&site, "throttler_desired_entries");
    assert!(desired > 3, "{desired}");
    assert_eq!(metric(&site, "throttler_enforced_entries"), desired);
    site.daemon.reload().expect("a reload");
    assert_eq!(ask(&site, "GET /healthz", "").status, 200);
    let after = canaries(&tables);
    assert_eq!(after, before + 2, "a reload");
    before = after;
    site.cli_ok(&["ban", "add", "192.0.2.9"]);
    let after = canaries(&tables);
    assert_eq!(after, before + 2, "an override");
}

#[test]
fn a_class_that_is_lost_is_put_back() {
    let site = Site::start("check-heal", &policy("enforce"), &OFTEN);
    let tables = tables(&site);
    for ours in [false, true] {
        let mut keys: Vec<ClassKey> = Vec::new();
        let bank = word(&tables, active::GENERATION) % 2;
        tables
            .classes
            .for_each(|key, _| {
                if u64::from(key.bank) == bank && (key.family == 6) == ours {
                    keys.push(*key);
                }
            })
            .expect("a walk");
        assert_eq!(keys.len(), 1);
        let heals = metric(&site, "throttler_heals_total");
        let lines = site.daemon.stderr_lines().len();
        assert!(tables.classes.remove(&keys[0]).expect("removed"));
        let said = site
            .daemon
            .wait_stderr(lines, "publishing anew", LONG)
            .expect("a word");
        assert!(
            said.contains("the source classes (1 of 2 entries)"),
            "{said}"
        );
        wait("a heal", || {
            metric(&site, "throttler_heals_total") == heals + 1
        });
        assert_eq!(site.offer(address(BLOCKED), 3), 0);
        assert_eq!(metric(&site, "throttler_selfcheck_successful"), 1);
    }
}

#[test]
fn one_of_many_classes_that_is_lost_is_put_back() {
    // So many that no comparison reads all of them.
    let list = (0..20_000).map(|n| format!("\"10.0.{}.{}\",", n >> 8, n & 255));
    let text =
        policy("enforce").replace("from = [", &format!("from = [{}", list.collect::<String>()));
    let site = Site::start("check-many", &text, &OFTEN);
    let tables = tables(&site);
    for lost in ["10.0.0.0", "10.0.40.7", "10.0.78.31"] {
        let heals = metric(&site, "throttler_heals_total");
        assert_eq!(site.offer(address(lost), 1), 0);
        let bank = word(&tables, active::GENERATION) % 2;
        let IpAddr::V4(v4) = address(lost) else {
            panic!("an IPv4 address")
        };
        let key = ClassKey {
            prefix_len: CLASS_KEY_LEAD + 32,
            bank: bank as u8,
            family: 4,
            reserved: [0; 2],
            addr: Addr::from_v4(v4.octets()),
        };
        assert!(tables.classes.remove(&key).expect("removed"));
        wait("a heal", || metric(&site, "throttler_heals_total") > heals);
        assert_eq!(site.offer(address(lost), 9), 0, "{lost}");
    }
    assert_eq!(metric(&site, "throttler_selfcheck_successful"), 1);
}

#[test]
fn a_limit_or_a_generation_that_somebody_wrote_is_put_back() {
    let site = Site::start("check-rows", &policy("enforce"), &OFTEN);
    let tables = tables(&site);
    let generation = word(&tables, active::GENERATION);
    let lines = site.daemon.stderr_lines().len();
    tables
        .active
        .set(&active::GENERATION, &(generation + 1))
        .expect("written");
    let said = site
        .daemon
        .wait_stderr(lines, "putting it back", LONG)
        .expect("a word");
    assert!(
        said.contains("generation 2 was in force instead of 1"),
        "{said}"
    );
    wait("the generation", || {
        word(&tables, active::GENERATION) == generation
    });
    let first = (generation as u32 % 2) * throttler_common::abi::MAX_ROWS as u32;
    let mut row = tables.rows.get(&first).expect("a row").expect("a row");
    row.flags ^= 1;
    let lines = site.daemon.stderr_lines().len();
    tables.rows.set(&first, &row).expect("written");
    let said = site.daemon.wait_stderr(lines, "a limit differ", LONG);
    said.expect("a word");
    wait("two heals", || metric(&site, "throttler_heals_total") == 2);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
}

/// Waits for a fault with a mend, in the log, the metric and the health check.
fn named(site: &Site, lines: usize, text: &str) -> String {
    let said = site
        .daemon
        .wait_stderr(lines, "NOT enforced as the policy says", LONG)
        .expect("a word");
    assert!(said.contains(text), "{said}");
    assert_eq!(metric(site, "throttler_selfcheck_successful"), 0);
    let health = ask(site, "GET /healthz", "");
    assert_eq!(health.status, 503, "{}", health.body);
    said
}

#[test]
fn another_program_is_named_and_left_alone() {
    let site = Site::start("check-program", &policy("enforce"), &OFTEN);
    let other = throttler_lab::Lab::new("check-other").expect("a lab");
    let pins =
        throttler_lab::Daemon::start(&other, crate::site::binary(), &policy("enforce"), &NEVER)
            .expect("another daemon");
    // The other daemon's program is put on our link: another program, with other maps.
    let theirs = pinned_program(&pins);
    let lines = site.daemon.stderr_lines().len();
    let link = sys::open_pinned(&site.pins(SERVER_IFACE).link()).expect("the link");
    sys::replace_program(link.as_fd(), theirs.as_fd()).expect("replaced");
    let id = sys::program_info(theirs.as_fd()).expect("a program").id;
    // Its name takes CAP_SYS_ADMIN, which the daemon has given up.
    let program = format!("it runs the XDP program with id {id} (`bpftool prog show id {id}`");
    let said = named(&site, lines, &program);
    assert!(said.contains("restart the daemon"), "{said}");
    let info = sys::link_info(link.as_fd()).expect("the link");
    assert_eq!(info.program, id, "not fought");
}

fn pinned_program(daemon: &throttler_lab::Daemon) -> OwnedFd {
    let pins = throttler::kernel::pins::Pins::of(daemon.bpffs(), SERVER_IFACE);
    let link = sys::open_pinned(&pins.link()).expect("the link");
    let info = sys::link_info(link.as_fd()).expect("the link");
    sys::program_by_id(info.program).expect("its program")
}

#[test]
fn a_program_that_was_taken_off_is_named() {
    let site = Site::start("check-off", &policy("enforce"), &OFTEN);
    let lines = site.daemon.stderr_lines().len();
    let link = sys::open_pinned(&site.pins(SERVER_IFACE).link()).expect("the link");
    sys::detach(link.as_fd()).expect("detached");
    let said = site
        .daemon
        .wait_stderr(lines, "NOT enforced as the policy says", LONG)
        .expect("a word");
    assert!(said.contains("it runs no XDP program"), "{said}");
    assert_eq!(ask(&site, "GET /healthz", "").status, 503);
}

#[test]
fn a_pinned_map_that_the_program_does_not_use_is_named() {
    let site = Site::start("check-map", &policy("enforce"), &OFTEN);
    let other = throttler_lab::Lab::new("check-maps").expect("a lab");
    let daemon =
        throttler_lab::Daemon::start(&other, crate::site::binary(), &policy("enforce"), &NEVER)
            .expect("another daemon");
    let theirs = throttler::kernel::pins::Pins::of(daemon.bpffs(), SERVER_IFACE).map(map::ROWS);
    let ours = site.pins(SERVER_IFACE).map(map::ROWS);
    let lines = site.daemon.stderr_lines().len();
    let fd = sys::open_pinned(&theirs).expect("their map");
    fs::remove_file(&ours).expect("unpinned");
    sys::pin(fd.as_fd(), &ours).expect("pinned");
    // In between there was none.
    let said = site
        .daemon
        .wait_stderr(lines, "ROWS is not the map that the program uses", LONG);
    said.expect("a word");
    assert_eq!(metric(&site, "throttler_selfcheck_successful"), 0);
}
