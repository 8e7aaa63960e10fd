//! `GET /v1/sources/{addr}`: what an application is told is what the next packets find.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use serde_json::Value;
use throttler_lab::frames;

use crate::{
    http::ask,
    openapi::assert_is,
    site::{FIVE_A_DAY, LONG, PORT, Site, address, server},
};

const POLICY: &str = r#"
[throttler]
max_sources = 4096
[layers.address]
scopes = ["dns", "time"]
[layers.address.limits]
total = { rate = "8/day" }
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
burst = { rate = "3/3s" }
daily = { rate = "5/day" }
[scopes.time]
match = [{ protocol = "udp", ports = [123] }]
[plans.pro.dns]
burst = "100/min"
daily = "1000/day"
[plans.pro.address]
total = "2000/day"
[[sources]]
from = ["198.51.100.0/24"]
plan = "pro"
[[sources]]
from = ["203.0.113.0/24"]
exempt = true
[[sources]]
from = ["203.0.113.77/32"]
block = true
"#;

/// The entries of an answer, which must be a good one.
fn buckets(site: &Site, path: &str) -> Vec<Value> {
    let answer = ask(site, &format!("GET /v1/sources/{path}"), "");
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    let document = answer.json();
    assert_is("Sources", &document);
    document["buckets"].as_array().expect("buckets").clone()
}

/// The entry of a scope.
fn told(site: &Site, source: &str, scope: &str) -> Value {
    let found = buckets(site, &format!("{source}?scope={scope}"));
    assert_eq!(found[0]["scope"], scope);
    found[0].clone()
}

fn header<'a>(told: &'a Value, name: &str) -> &'a str {
    let value = &told["headers"][name];
    value.as_str().unwrap_or_else(|| panic!("{name} in {told}"))
}

fn remaining(told: &Value) -> Vec<u64> {
    let limits = told["limits"].as_array().expect("limits");
    let left = limits.iter().map(|limit| limit["remaining"].as_u64());
    left.map(|left| left.expect("a number")).collect()
}

#[test]
fn values_fall_with_each_packet_and_retry_after_is_honoured() {
    let site = Site::start("sources-fall", POLICY, &[]);
    let (source, src) = ("192.0.2.1", address("192.0.2.1"));
    for sent in 0..3 {
        let told = told(&site, source, "dns");
        // What came back meanwhile may be more; a day's does not.
        assert_eq!(remaining(&told)[1], 5 - sent, "{told}");
        assert!(remaining(&told)[0] >= 3 - sent, "{told}");
        assert!(told["headers"].get("Retry-After").is_none(), "{told}");
        assert_eq!(site.offer(src, 1), 1);
    }
    let policy = "\"burst\";q=3;w=3, \"daily\";q=5;w=86400, \"address.total\";q=8;w=86400";
    let used_up = loop {
        let told = told(&site, source, "dns");
        if told["headers"].get("Retry-After").is_some() {
            break told;
        }
        // A slow machine: something came back.
        site.offer(src, 1);
    };
    assert_eq!(header(&used_up, "RateLimit-Policy"), policy);
    let limit = header(&used_up, "RateLimit");
    assert!(limit.contains(";r=0;t="), "{limit}");
    assert_eq!(header(&used_up, "X-RateLimit-Remaining"), "0");
    assert_eq!(used_up["verdict"], "drop");
    let wait: u64 = header(&used_up, "Retry-After").parse().expect("seconds");
    assert!(wait >= 1);
    if wait <= 3 {
        std::thread::sleep(Duration::from_secs(wait));
        assert_eq!(site.offer(src, 1), 1, "one more, after {wait} s");
    }
}

#[test]
fn plan_class_layer_and_windows_are_told() {
    let site = Site::start("sources-plan", POLICY, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 2), 2);
    let free = told(&site, "192.0.2.1", "dns");
    let windows: Vec<_> = free["limits"]
        .as_array()
        .expect("limits")
        .iter()
        .map(|limit| limit["window_s"].as_f64())
        .collect();
    assert_eq!(windows, [Some(3.0), Some(86_400.0)]);
    assert!(free["ban"].is_null());
    // The layer has an entry of its own, behind its scope's, and spans the other scope.
    let both = buckets(&site, "192.0.2.1?scope=time");
    let scopes: Vec<_> = both.iter().map(|one| &one["scope"]).collect();
    assert_eq!(scopes, ["time", "address"]);
    assert_eq!(remaining(&both[1]), [6]);
    assert!(header(&both[0], "RateLimit").starts_with("\"address.total\";r=6;t="));
    let pro = told(&site, "198.51.100.9", "dns");
    assert_eq!(
        (&pro["class"], &pro["plan"]),
        (&"plan".into(), &"pro".into())
    );
    assert_eq!(
        header(&pro, "RateLimit-Policy"),
        "\"burst\";q=100;w=60, \"daily\";q=1000;w=86400, \"address.total\";q=2000;w=86400"
    );
    // As a socket of both families has the address.
    assert_eq!(told(&site, "::ffff:198.51.100.9", "dns")["plan"], "pro");
    for (source, class) in [("203.0.113.1", "exempt"), ("203.0.113.77", "block")] {
        let told = told(&site, source, "dns");
        assert_eq!(told["class"], class);
        assert_eq!(told["headers"], serde_json::json!({}), "{source}");
    }
    let said = ask(&site, "GET /v1/sources/192.0.2.1?scope=web", "").problem(404);
    assert!(
        said.contains("`web`; there is address, default, dns, time"),
        "{said}"
    );
    let both = "GET /v1/sources/192.0.2.1?scope=dns&port=5300";
    ask(&site, both, "").problem(422);
    assert_eq!(
        buckets(&site, "192.0.2.1?port=5300&proto=udp")[0]["scope"],
        "dns"
    );
}

#[test]
fn bans_are_told_whoever_gave_them() {
    let policy =
        format!("{FIVE_A_DAY}[abuse]\nban_after = {{ refusals = 2, within = \"1min\" }}\n");
    let site = Site::start("sources-ban", &policy, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    let banned = told(&site, "192.0.2.1", "dns");
    let ban = &banned["ban"];
    let said = ["given_by", "times", "prefix", "reason"].map(|key| ban[key].to_string());
    let expected = [
        "\"datapath\"",
        "1",
        "\"192.0.2.1/32\"",
        "\"2 refusals within 1min\"",
    ];
    assert_eq!(said, expected, "{ban}");
    assert!(
        ban["since"].is_string() && ban["until"].is_string(),
        "{ban}"
    );
    // A unit comes back later than the ban ends.
    let wait: u64 = header(&banned, "Retry-After").parse().expect("seconds");
    assert!((17_000..=17_280).contains(&wait), "{wait}");
    site.cli_ok(&[
        "ban",
        "add",
        "192.0.2.64/26",
        "--for",
        "1h",
        "--reason",
        "bots",
    ]);
    let banned = told(&site, "192.0.2.99", "dns");
    let ban = &banned["ban"];
    assert_eq!(
        (&ban["given_by"], &ban["prefix"], &ban["reason"]),
        (&"operator".into(), &"192.0.2.64/26".into(), &"bots".into())
    );
    let wait: u64 = header(&banned, "Retry-After").parse().expect("seconds");
    assert!((3_500..=3_601).contains(&wait), "{wait}");
    // Without an end there is no time to wait for.
    site.cli_ok(&["ban", "add", "192.0.2.200"]);
    let banned = told(&site, "192.0.2.200", "dns");
    assert!(banned["ban"]["until"].is_null(), "{banned}");
    assert_eq!(banned["headers"], serde_json::json!({}));
}

#[test]
fn monitor_mode_tells_what_would_be_and_a_pause_asks_nobody_to_wait() {
    let policy = FIVE_A_DAY.replace("[scopes.dns]\n", "[scopes.dns]\nmode = \"monitor\"\n");
    let site = Site::start("sources-monitor", &policy, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 7);
    let spared = told(&site, "192.0.2.1", "dns");
    assert_eq!(spared["reason"], "monitored");
    assert_eq!(header(&spared, "Retry-After"), "17280");
    assert!(header(&spared, "RateLimit").starts_with("\"daily\";r=0;t=17280"));
    site.cli_ok(&["pause"]);
    let paused = told(&site, "192.0.2.1", "dns");
    assert!(paused["headers"].get("Retry-After").is_none(), "{paused}");
}

#[test]
fn the_next_answer_is_of_the_policy_in_force_and_of_the_table_in_use() {
    let mut site = Site::start("sources-fresh", POLICY, &[]);
    let q = |site: &Site| header(&told(site, "192.0.2.1", "dns"), "RateLimit-Policy").to_owned();
    assert!(q(&site).starts_with("\"burst\";q=3;w=3"));
    for count in 10..20 {
        let policy = POLICY.replace("3/3s", &format!("{count}/min"));
        site.daemon.rewrite_policy(&policy).expect("a policy");
        site.cli_ok(&["reload"]);
        assert!(q(&site).starts_with(&format!("\"burst\";q={count};w=60")));
    }
    // Another table, and another daemon.
    assert_eq!(site.offer(address("192.0.2.1"), 2), 2);
    site.daemon.kill().expect("an end");
    let larger = POLICY.replace("4096", "65536");
    site.daemon.rewrite_policy(&larger).expect("a policy");
    site.daemon.restart().expect("a daemon");
    assert_eq!(remaining(&told(&site, "192.0.2.1", "dns"))[1], 3);
}

#[test]
fn an_interface_that_has_gone_is_not_answered_for_and_is_again_once_it_returned() {
    let site = Site::start("sources-gone", FIVE_A_DAY, &["--wait-iface"]);
    assert_eq!(told(&site, "192.0.2.1", "dns")["verdict"], "pass");
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    assert_eq!(told(&site, "192.0.2.1", "dns")["verdict"], "drop");
    ip(&site, "link del veth-s");
    site.daemon
        .wait_stderr(0, "the interface has gone", LONG)
        .expect("a word");
    let gone = told(&site, "192.0.2.1", "dns");
    assert_eq!(gone["reason"], "paused", "{gone}");
    assert!(gone["headers"].get("Retry-After").is_none(), "{gone}");
    let seen = site.daemon.stderr_lines().len();
    ip(&site, "link add veth-s type veth peer name veth-t");
    site.daemon
        .wait_stderr(seen, "enforcing on veth-s", LONG)
        .expect("a word");
    // The buckets were kept.
    assert_eq!(told(&site, "192.0.2.1", "dns")["verdict"], "drop");
    // And what somebody takes off is no longer answered for.
    site.cli_ok(&["detach"]);
    ask(&site, "GET /v1/sources/192.0.2.1", "").problem(503);
}

/// Runs `ip` in the server's namespace.
fn ip(site: &Site, args: &str) {
    let mut command = site.lab.server().command("ip");
    let status = command.args(args.split(' ')).status().expect("ip");
    assert!(status.success(), "ip {args}");
}

/// Reads one answer of a connection that stays open.
fn next(answers: &mut BufReader<UnixStream>) -> (String, Value) {
    let (mut first, mut length) = (String::new(), 0);
    answers.read_line(&mut first).expect("a status");
    loop {
        let mut line = String::new();
        answers.read_line(&mut line).expect("a header");
        if line == "\r\n" {
            break;
        }
        if let Some(text) = line.strip_prefix("content-length: ") {
            length = text.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body).expect("a body");
    (first, serde_json::from_slice(&body).expect("JSON"))
}

#[test]
fn one_connection_takes_many_questions_also_at_once() {
    let site = Site::start("sources-pipe", FIVE_A_DAY, &[]);
    let mut stream = UnixStream::connect(site.daemon.socket()).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a deadline");
    let mut answers = BufReader::new(stream.try_clone().expect("the same"));
    let questions: String = (1..=100)
        .map(|host| {
            format!("GET /v1/sources/192.0.2.{host}?scope=dns HTTP/1.1\r\nhost: throttler\r\n\r\n")
        })
        .collect();
    stream.write_all(questions.as_bytes()).expect("questions");
    for host in 1..=100 {
        let (first, body) = next(&mut answers);
        assert_eq!(first, "HTTP/1.1 200 OK\r\n");
        assert_eq!(body["buckets"][0]["source"], format!("192.0.2.{host}/32"));
    }
}

#[test]
fn questions_are_answered_while_the_daemon_reloads() {
    const PREFIXES: u32 = 200_000;
    let site = Site::start("sources-slow", FIVE_A_DAY, &[]);
    let list: String = (0..PREFIXES)
        .map(|n| {
            format!(
                "{}/28\n",
                std::net::Ipv4Addr::from_bits(0x1400_0000 + n * 16)
            )
        })
        .collect();
    let path = site.daemon.policy_path().with_file_name("list.txt");
    std::fs::write(path, list).expect("a list");
    let policy = format!("{FIVE_A_DAY}[[sources]]\nfile = \"list.txt\"\nexempt = true\n");
    site.daemon.rewrite_policy(&policy).expect("a policy");
    let mut reload = UnixStream::connect(site.daemon.socket()).expect("a connection");
    let order = "POST /v1/reload HTTP/1.1\r\nhost: throttler\r\nconnection: close\r\n\r\n";
    reload.write_all(order.as_bytes()).expect("an order");
    // Until the reload is answered, others are, too, and often: by the policy before.
    reload.set_nonblocking(true).expect("a mode");
    let (mut answers, mut first) = (0, [0; 15]);
    let end = Instant::now() + 6 * LONG;
    let reloaded = loop {
        match reload.read(&mut first) {
            Ok(read) => break read,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
        }
        assert!(Instant::now() < end, "the reload does not end");
        told(&site, "192.0.2.1", "dns");
        assert_eq!(ask(&site, "GET /healthz", "").status, 200);
        answers += 1;
    };
    assert_eq!(&first[..reloaded], b"HTTP/1.1 200 OK");
    assert!(answers > 10, "{answers} answers during a reload");
    assert_eq!(told(&site, "20.0.0.1", "dns")["class"], "exempt");
}

#[test]
fn interfaces_are_told_of_each() {
    let site = Site::start("sources-two", FIVE_A_DAY, &["--iface", "lo"]);
    site.daemon
        .wait_stderr(0, "enforcing on lo", LONG)
        .expect("lo");
    let src = address("192.0.2.1");
    let frame = frames::udp(src, server(src), 1024, PORT, 18);
    site.injector.send(&frame).expect("a frame");
    site.wait_packets(1);
    let left = |query: &str| -> Vec<(String, u64)> {
        buckets(&site, &format!("192.0.2.1?scope=dns{query}"))
            .iter()
            .map(|one| {
                (
                    one["iface"].as_str().expect("a name").to_owned(),
                    remaining(one)[0],
                )
            })
            .collect()
    };
    let (veth, lo) = (("veth-s".to_owned(), 4), ("lo".to_owned(), 5));
    assert_eq!(left(""), [veth.clone(), lo.clone()]);
    assert_eq!(left("&iface=lo"), [lo]);
    assert_eq!(left("&iface=veth-s"), [veth]);
    let other = "GET /v1/sources/192.0.2.1?iface=eth9";
    assert!(ask(&site, other, "").problem(404).contains("veth-s, lo"));
}
