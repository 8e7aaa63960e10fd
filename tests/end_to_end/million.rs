//! A table of a million sources is dumped in full: every source once, with what it has, in every format.

use std::{
    cmp::Reverse,
    io::{BufRead as _, BufReader},
    net::IpAddr,
    process::Stdio,
};

use serde_json::{Value, json};
use throttler::kernel::{publish, tables::Tables};
use throttler::report::{Live, Query, SHOWN, Sort};
use throttler_common::class::tag;
use throttler_lab::{frames, topology::SERVER_IFACE};

use crate::{
    crowd::{Crowd, address, dropped, number},
    site::{Site, server},
};

const SOURCES: usize = 1_000_000;
const POLICY: &str = r#"
[throttler]
max_sources = 1000000
[scopes.api]
match = [{ protocol = "tcp", ports = ["443"] }]
[scopes.api.limits]
burst = { rate = "1000/hour", unit = "connections" }
"#;

/// Hands over each line of `dump buckets`.
fn dump(site: &Site, format: &str, mut each: impl FnMut(&str)) {
    let mut command = site.daemon.cli_command(&["dump", "buckets", "-o", format]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("a child");
    let out = BufReader::with_capacity(1 << 20, child.stdout.take().expect("a pipe"));
    out.lines().for_each(|line| each(&line.expect("text")));
    assert!(child.wait().expect("an end").success());
}

/// Which source an entry is of, and its packets that were dropped.
fn of_json(line: &str) -> Option<(u32, u64)> {
    let rest = line.split_once("\"source\":\"")?.1;
    let (address, rest) = rest.split_once('/')?;
    let rest = rest.split_once("\"dropped\":{\"packets\":")?.1;
    let packets = rest.split_once(',')?.0.parse().ok()?;
    Some((number(address.parse().ok()?)?, packets))
}

fn of_table(line: &str) -> Option<(u32, u64)> {
    let cells: Vec<&str> = line.split_whitespace().collect();
    let address: IpAddr = cells.get(1)?.split_once('/')?.0.parse().ok()?;
    // The name of the limit, and what is left of it, are two words.
    Some((number(address)?, cells.get(7)?.parse().ok()?))
}

#[test]
fn a_million_sources_are_dumped_once_each() {
    let site = Site::start("million", POLICY, &[]);
    let tables = Tables::open(&site.pins(SERVER_IFACE).dir).expect("maps");
    let description = publish::description(&tables).expect("a description");
    let description = description.expect("a policy");
    let api = description.scopes.iter().find(|scope| scope.name == "api");
    let numbers = Crowd {
        sources: SOURCES,
        scope: api.expect("the scope").id,
        tag: tag(description.generation),
    }
    .fill(&tables);
    let last = numbers.last().expect("sources");
    let mut there = vec![false; *last as usize + 1];
    for number in &numbers {
        there[*number as usize] = true;
    }

    let counters = site.daemon.json(&["dump", "counters", "-o", "json"]);
    let counters = counters.expect("counters");
    let count = |family: u32| {
        numbers
            .iter()
            .filter(|number| *number % 2 == family)
            .count()
    };
    let expected =
        json!({ "entries": SOURCES, "max": 1_000_000, "ipv4": count(0), "ipv6": count(1) });
    assert_eq!(counters["interfaces"][0]["sources"], expected);

    type Read = fn(&str) -> Option<(u32, u64)>;
    for (format, read) in [
        ("json", of_json as Read),
        ("jsonl", of_json),
        ("table", of_table),
    ] {
        let mut missing = there.clone();
        let (mut before, mut seen) = (u64::MAX, 0);
        dump(&site, format, |line| {
            let Some((number, packets)) = read(line) else {
                let frame = ["{\"schema_version\":1,\"buckets\":[", "]}"];
                assert!(
                    frame.contains(&line) || line.starts_with("iface "),
                    "{line}"
                );
                return;
            };
            let new = std::mem::replace(&mut missing[number as usize], false);
            assert!(
                new,
                "{format}: a source twice, or one that is not there: {line}"
            );
            assert_eq!(packets, dropped(number), "{format}: {line}");
            assert!(packets <= before, "{format}: the worst come first: {line}");
            (before, seen) = (packets, seen + 1);
            if format != "table" && seen % 997 == 0 {
                in_full(line.trim_end_matches(','), number);
            }
        });
        assert_eq!(seen, SOURCES, "{format}");
    }
    looked_at(&site, &numbers);
}

/// What `top` shows of them: the thousand most dropped, and then who sends now.
fn looked_at(site: &Site, numbers: &[u32]) {
    let mut live = Live::open(site.daemon.bpffs(), &[]).expect("maps");
    let query = Query::default();
    let first = live.look(&query, |_| true).expect("a look");
    assert_eq!(first.matching, SOURCES as u64);
    assert_eq!(first.interfaces[0].entries, SOURCES as u64);
    let mut worst: Vec<u64> = numbers.iter().map(|number| dropped(*number)).collect();
    worst.sort_unstable_by_key(|dropped| Reverse(*dropped));
    let shown = first.sources.iter().map(|source| source.tallies.dropped);
    assert_eq!(shown.collect::<Vec<_>>(), worst[..SHOWN]);
    assert!(
        first
            .sources
            .iter()
            .all(|one| one.elapsed.is_none() && one.tallies.new_passed == 0)
    );

    // In full debt or not, it has more than these left.
    let (number, sent) = (*numbers.iter().find(|n| *n % 1_000 == 200).expect("one"), 5);
    let source = address(number);
    let before = site.counters().packets;
    let syns = (0..sent).map(|port| frames::tcp_syn(source, server(source), 2_000 + port, 443));
    site.injector.send_many(syns).expect("frames");
    site.wait_packets(before + u64::from(sent));
    for (sort, new) in [(Sort::PassRate, u64::from(sent)), (Sort::PassRate, 0)] {
        let next = live.look(
            &Query {
                sort,
                ..query.clone()
            },
            |_| true,
        );
        let next = next.expect("a look");
        let first = &next.sources[0];
        assert_eq!(first.tallies.new_passed, new);
        assert!(first.elapsed.is_some());
        if new > 0 {
            assert_eq!(first.source.addr(), source);
            assert_eq!(
                first.tallies.passed,
                u64::from(number % 7 + u32::from(sent))
            );
        }
        assert!(
            next.sources[1..]
                .iter()
                .all(|one| one.tallies.new_passed == 0)
        );
    }
    let narrow = Query {
        source: Some("10.0.0.0/24".parse().expect("a prefix")),
        ..Query::default()
    };
    let few = live.look(&narrow, |_| true).expect("a look");
    let within = numbers
        .iter()
        .filter(|number| *number % 2 == 0 && *number / 2 < 256);
    assert_eq!(few.matching, within.count() as u64);
    assert_eq!(few.matching, few.sources.len() as u64);
}

/// Every field of an entry.
fn in_full(line: &str, number: u32) {
    let entry: Value = serde_json::from_str(line).expect("JSON");
    let passed = u64::from(number % 7);
    for (field, expected) in [
        ("iface", json!(SERVER_IFACE)),
        ("scope", json!("api")),
        ("class", json!("default")),
        ("plan", Value::Null),
        ("passed", json!({ "packets": passed, "bytes": 60 * passed })),
        ("banned_for_s", json!(0.0)),
    ] {
        assert_eq!(entry[field], expected, "{line}");
    }
    let limit = &entry["limits"][0];
    assert_eq!(
        (&limit["limit"], &limit["burst"]),
        (&json!("burst"), &json!(1000))
    );
    // Its debt was as many seconds, 3.6 of which are a unit, and some have passed since.
    let debt = f64::from(number % 1000);
    let (left, reset) = (limit["remaining"].as_u64(), limit["reset_s"].as_f64());
    assert!(
        left.is_some_and(|left| left as f64 >= 999.0 - debt / 3.6),
        "{line}"
    );
    assert!(reset.is_some_and(|reset| reset <= debt), "{line}");
}
