//! `run --confirm`, `throttler confirm` and `throttler events`.

use std::{
    io::{BufRead as _, BufReader},
    process::Stdio,
    time::Instant,
};

use serde_json::{Value, json};
use throttler_lab::{frames, topology::SERVER_IFACE};

use crate::{
    http::ask,
    site::{FIVE_A_DAY, LONG, PORT, Site, address, binary, server},
};

#[test]
fn a_reload_that_nobody_confirms_is_put_back() {
    let mut site = Site::start("trial-reload", FIVE_A_DAY, &["--confirm", "4s"]);
    let said = site.cli_ok(&["confirm"]);
    assert_eq!(said, "veth-s: policy generation 1 confirmed\n");
    let lines = site.daemon.stderr_lines().len();
    // Twice: what was confirmed is put back, not what was on trial.
    for rate in ["9/day", "7/day"] {
        site.daemon
            .rewrite_policy(&FIVE_A_DAY.replace("5/day", rate))
            .expect("a policy");
        site.daemon.reload().expect("a reload");
    }
    assert_eq!(site.offer(address("192.0.2.1"), 12), 7);
    let said = site
        .daemon
        .wait_stderr(lines, "rolled back", LONG)
        .expect("a word");
    assert!(said.contains("generation 4 in force"), "{said}");
    assert_eq!(site.offer(address("192.0.2.2"), 12), 5);
    assert!(
        ask(&site, "POST /v1/confirm", "")
            .problem(404)
            .contains("put back already")
    );
    assert!(site.daemon.pid().is_some());
}

#[test]
fn a_reload_that_is_confirmed_stays() {
    let mut site = Site::start("trial-kept", FIVE_A_DAY, &["--confirm", "1h"]);
    site.cli_ok(&["confirm"]);
    site.daemon
        .rewrite_policy(&FIVE_A_DAY.replace("5/day", "9/day"))
        .expect("a policy");
    site.daemon.reload().expect("a reload");
    assert_eq!(
        ask(&site, "POST /v1/confirm", "").json()["interfaces"][0]["generation"],
        2
    );
    let again = site.daemon.cli(&["confirm"]).expect("the command");
    assert_eq!(again.status.code(), Some(4), "{again:?}");
    assert_eq!(site.offer(address("192.0.2.1"), 12), 9);
}

#[test]
fn a_start_that_nobody_confirms_is_taken_off() {
    let mut site = Site::start("trial-start", FIVE_A_DAY, &["--confirm", "1s"]);
    let said = site
        .daemon
        .wait_stderr(0, "the start was not confirmed in time", LONG);
    said.expect("a word");
    assert_eq!(site.daemon.wait().expect("the end").code(), Some(1));
    assert!(!site.pins(SERVER_IFACE).exist());
}

#[test]
fn without_a_trial_there_is_nothing_to_confirm() {
    let site = Site::start("trial-none", FIVE_A_DAY, &[]);
    let output = site.daemon.cli(&["confirm"]).expect("the command");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(output.stderr.contains("without --confirm"), "{output:?}");
}

#[test]
fn a_flood_of_offenders_is_a_line_or_two() {
    let extra = ["--log-events-per-second", "1"];
    let site = Site::start("events-many", FIVE_A_DAY, &extra);
    let begin = Instant::now();
    for n in 0..200 {
        let src = address(&format!("198.51.100.{n}"));
        for _ in 0..6 {
            let frame = frames::udp(src, server(src), 1024, PORT, 18);
            site.injector.send(&frame).expect("a frame");
        }
    }
    site.wait_packets(1_200);
    site.daemon
        .wait_stderr(0, " left out ", LONG)
        .expect("a summary");
    // Of other kinds there is nothing to hide.
    let seconds = begin.elapsed().as_secs();
    let mut refused = 0;
    let end = Instant::now() + LONG;
    loop {
        let text = site.cli_ok(&["events", "-o", "jsonl"]);
        let events = text.lines().map(|line| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            let count = |key: &str| event[key].as_u64().unwrap_or_else(|| panic!("{event}"));
            match event["event"].as_str().expect("an event") {
                "refused" => (1, 0),
                "left out" => {
                    assert_eq!(
                        (&event["of"], &event["iface"]),
                        (&json!("refused"), &json!("veth-s"))
                    );
                    // At least one refusal each.
                    assert!(count("refused") >= count("lines"), "{event}");
                    (0, count("lines"))
                }
                // Of the limit by the day, of so many at once, and of their share.
                "near_limit" | "first_refusal" | "refused_share" => (0, 0),
                other => panic!("{other}"),
            }
        });
        let (lines, left) = events.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        if lines + left == 200 {
            refused += lines;
            break;
        }
        assert!(Instant::now() < end, "{text}");
    }
    assert!(refused <= seconds + 2, "{refused} in {seconds} s");
}

#[test]
fn events_are_printed_late_or_as_they_come() {
    let site = Site::start("events-cli", FIVE_A_DAY, &[]);
    assert_eq!(site.cli_ok(&["events"]), "");
    let lines = site.daemon.stderr_lines().len();
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    site.daemon
        .wait_stderr(lines, "refused", LONG)
        .expect("an event");
    let text = site.cli_ok(&["events"]);
    assert!(
        text.contains(" refused iface=veth-s source=192.0.2.1/32 scope=dns"),
        "{text}"
    );
    let json = site.cli_ok(&["events", "-o", "jsonl"]);
    let first: Value = serde_json::from_str(json.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first["source"], "192.0.2.1/32");
    assert_eq!(ask(&site, "GET /v1/events?recent=0", "").body, "");
    assert!(
        ask(&site, "GET /v1/events?recent=x", "")
            .problem(400)
            .contains("recent")
    );

    let mut follower = std::process::Command::new(binary())
        .args(["events", "-f", "-o", "jsonl", "--socket"])
        .arg(site.daemon.socket())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command");
    let out = follower.stdout.take().expect("its output");
    // Another source each time, until the follower has begun.
    let mut sent = 0_u8;
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line).expect("a line");
        tell.send(line).expect("the test");
    });
    let line = loop {
        sent += 1;
        assert!(sent < 250, "nothing was told");
        site.offer(address(&format!("198.51.100.{sent}")), 7);
        if let Ok(line) = told.try_recv() {
            break line;
        }
    };
    follower.kill().expect("the end");
    follower.wait().expect("the end");
    let event: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(event["event"], "refused", "{event}");
}
