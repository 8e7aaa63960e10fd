//! Bans of the datapath that an operator takes back: the source passes again as its limits let it, and may be banned again.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::IpAddr,
    os::unix::net::UnixStream,
};

use serde_json::Value;
use throttler_lab::{CliOutput, frames};

use crate::{
    http::ask,
    site::{LONG, PORT, Site, address, server},
};

/// Bytes a day, so that nothing comes back within a test: a large datagram is refused where small ones still pass.
const POLICY: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "500/day", unit = "bytes" }
[abuse]
ban_after = { refusals = 3, within = "1h" }
ban_for = "1h"
ban_max = "4h"
"#;
/// L3 bytes of what [`Site::offer`] sends: 18 of payload, 8 of UDP, and the IP header.
fn small(src: IpAddr) -> u64 {
    26 + if src.is_ipv4() { 20 } else { 40 }
}

/// Payload of a datagram that the bucket has no room for once a small one has passed.
const LARGE: usize = 460;

fn widening() -> String {
    format!("{POLICY}widen_after = {{ sources = 2, within = \"1h\" }}\n")
}

/// Sends large datagrams, which are refused without being charged.
fn offend(site: &Site, src: IpAddr, times: u64) {
    let before = site.counters();
    for _ in 0..times {
        let frame = frames::udp(src, server(src), 1024, PORT, LARGE);
        site.injector.send(&frame).expect("a frame");
    }
    let after = site.wait_packets(before.packets + times);
    assert_eq!(after.passed, before.passed, "{after:#?}");
}

/// One small datagram passes, and as many large ones are refused as ban.
fn earn_a_ban(site: &Site, src: IpAddr) {
    assert_eq!(site.offer(src, 1), 1, "{src}");
    offend(site, src, 3);
    assert_eq!(site.offer(src, 1), 0, "{src} is not banned");
}

fn unban(site: &Site, what: &str) -> CliOutput {
    site.daemon.cli(&["ban", "del", what]).expect("the command")
}

fn sources(site: &Site) -> Vec<String> {
    let list = site.daemon.json(&["ban", "list", "-o", "json"]);
    let list = list.expect("a list");
    let bans = list["bans"].as_array().expect("bans");
    let source = |ban: &Value| {
        assert_eq!(ban["given_by"], "datapath", "{ban}");
        ban["source"].as_str().expect("a source").to_owned()
    };
    let mut sources: Vec<String> = bans.iter().map(source).collect();
    sources.sort();
    sources
}

fn bucket(site: &Site, source: &str) -> Value {
    let dump = site.daemon.json(&["dump", "buckets", "-o", "json"]);
    let dump = dump.expect("buckets");
    let all = dump["buckets"].as_array().expect("buckets");
    let found = all.iter().find(|bucket| bucket["source"] == source);
    found.expect("its bucket").clone()
}

#[test]
fn a_source_passes_again_as_its_limit_lets_it() {
    for (tag, text, net) in [
        ("unban-4", "192.0.2.1", "192.0.2.1/32"),
        ("unban-6", "2001:db8:1:2::3", "2001:db8:1:2::/64"),
    ] {
        let site = Site::start(tag, POLICY, &[]);
        let src = address(text);
        earn_a_ban(&site, src);
        earn_a_ban(&site, address("198.51.100.1"));
        let before = bucket(&site, net);
        let left = before["limits"][0]["remaining"].as_u64().expect("bytes");

        let from = site.daemon.stderr_lines().len();
        let done = unban(&site, text);
        assert_eq!(done.code(), Some(0), "{done:?}");
        let said = format!(
            "veth-s: 1 ban of the datapath in {} taken back\n",
            host(text)
        );
        assert_eq!(done.stdout, said);
        let line = site.daemon.wait_stderr(from, " unbanned ", LONG);
        let line = line.expect("a line");
        let fields = format!("iface=veth-s source={net} scope=dns by=operator times=1 until=2");
        assert!(line.contains(&fields), "{line}");

        let after = bucket(&site, net);
        for key in ["passed", "dropped"] {
            assert_eq!(after[key], before[key], "{key} is counted anew");
        }
        assert_eq!(after["limits"][0]["remaining"], left, "not refilled");
        assert_eq!(after["banned_for_s"], 0.0, "{after}");
        assert_eq!(site.counters().reason("dns", "banned").0, 2);
        assert_eq!(site.offer(src, 20), left / small(src));
        assert_eq!(site.offer(address("198.51.100.1"), 1), 0, "another's stays");
    }
}

/// An address as the prefix that it is.
fn host(text: &str) -> String {
    ipnet::IpNet::from(address(text)).to_string()
}

#[test]
fn whoever_goes_on_is_banned_again_for_longer() {
    let site = Site::start("unban-again", POLICY, &[]);
    let src = address("192.0.2.1");
    earn_a_ban(&site, src);
    assert_eq!(unban(&site, "192.0.2.1").code(), Some(0));
    // Neither more nor fewer refusals than for the first.
    offend(&site, src, 2);
    assert_eq!(site.offer(src, 1), 1, "banned for too few");
    offend(&site, src, 1);
    assert_eq!(site.offer(src, 1), 0, "not banned again");
    let list = site.daemon.json(&["dump", "bans", "-o", "json"]);
    assert_eq!(list.expect("a list")["bans"][0]["times"], 2);
    assert_eq!(unban(&site, "192.0.2.1").code(), Some(0));
    let again = unban(&site, "192.0.2.1");
    assert_eq!(again.code(), Some(4), "{again:?}");
    assert!(again.stderr.contains("no ban to take back"), "{again:?}");
}

#[test]
fn a_prefix_takes_back_all_bans_inside_it_and_its_own() {
    let site = Site::start("unban-wide", &widening(), &[]);
    for src in ["192.0.2.1", "192.0.2.2", "192.0.3.1"] {
        earn_a_ban(&site, address(src));
    }
    let all = [
        "192.0.2.0/24",
        "192.0.2.1/32",
        "192.0.2.2/32",
        "192.0.3.1/32",
    ];
    assert_eq!(sources(&site), all);
    assert_eq!(site.offer(address("192.0.2.9"), 1), 0, "a neighbour");

    // Of a source alone: its prefix is banned still, and says so.
    let one = unban(&site, "192.0.2.1");
    assert_eq!(one.code(), Some(0), "{one:?}");
    let still = "still banned with 192.0.2.0/24: `throttler ban del 192.0.2.0/24`";
    assert!(one.stderr.contains(still), "{one:?}");
    assert_eq!(site.offer(address("192.0.2.1"), 1), 0);
    let none = unban(&site, "192.0.2.1");
    assert_eq!(none.code(), Some(4), "{none:?}");
    assert!(
        none.stderr
            .contains("192.0.2.0/24, which holds it, is banned"),
        "{none:?}"
    );

    let answer = ask(&site, "DELETE /v1/bans?source=192.0.2.0/24", "").json();
    assert_eq!(answer["interfaces"][0]["lifted"], 2, "{answer}");
    assert_eq!(answer["interfaces"][0]["changed"], 0, "{answer}");
    assert_eq!(sources(&site), ["192.0.3.1/32"]);
    for src in ["192.0.2.1", "192.0.2.2", "192.0.2.9"] {
        assert_eq!(site.offer(address(src), 1), 1, "{src}");
    }
    assert_eq!(site.offer(address("192.0.3.1"), 1), 0, "outside of it");
    // Nobody's end is told of a second time.
    let lines = site.daemon.stderr_lines();
    let told = lines.iter().filter(|line| line.contains(" unbanned "));
    let prefixes = lines
        .iter()
        .filter(|line| line.contains(" unbanned prefix "));
    assert_eq!((told.count(), prefixes.count()), (3, 1), "{lines:#?}");
}

#[test]
fn an_operators_and_the_datapaths_go_at_once_and_others_stay() {
    let site = Site::start("unban-both", POLICY, &[]);
    earn_a_ban(&site, address("192.0.2.1"));
    site.cli_ok(&["ban", "add", "192.0.2.0/24"]);
    site.cli_ok(&["ban", "add", "192.0.0.0/16"]);
    let done = unban(&site, "192.0.2.0/24");
    assert_eq!(
        done.stdout,
        "veth-s: 192.0.2.0/24 no longer banned by an operator\n\
         veth-s: 1 ban of the datapath in 192.0.2.0/24 taken back\n"
    );
    assert!(
        done.stderr.contains("still banned with 192.0.0.0/16"),
        "{done:?}"
    );
    assert_eq!(site.offer(address("192.0.2.1"), 1), 0);
    assert_eq!(unban(&site, "192.0.0.0/16").code(), Some(0));
    assert_eq!(site.offer(address("192.0.2.1"), 1), 1);
}

#[test]
fn what_is_taken_back_is_an_event() {
    let site = Site::start("unban-event", POLICY, &[]);
    earn_a_ban(&site, address("192.0.2.1"));
    let mut stream = UnixStream::connect(site.daemon.socket()).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a deadline");
    write!(stream, "GET /v1/events HTTP/1.1\r\nhost: throttler\r\n\r\n").expect("a request");
    let mut lines = BufReader::new(stream)
        .lines()
        .map(|line| line.expect("a line"));
    assert_eq!(lines.next().expect("a head"), "HTTP/1.1 200 OK");
    assert_eq!(unban(&site, "192.0.2.1").code(), Some(0));
    let event = lines.find(|line| line.starts_with('{')).expect("an event");
    let event: Value = serde_json::from_str(&event).expect("JSON");
    let fields = ["event", "source", "by"].map(|key| event[key].clone());
    assert_eq!(fields, ["unbanned", "192.0.2.1/32", "operator"], "{event}");
}
