//! One daemon, several interfaces: what is changed is changed on all of them or on none, and what one of them suffers
//! is said of that one.

use std::{fs, net::IpAddr, time::Instant};

use serde_json::Value;
use throttler_lab::{Counters, Daemon, Injector, Lab, frames, topology::SERVER_IFACE};

use crate::{
    http::ask,
    offered::offered,
    site::{FIVE_A_DAY, LONG, PORT, Site, address, binary, lab, server},
};

/// Interfaces beside the lab's own; frames for them go in at the other ends, which are named so with a `p`.
const OTHERS: [&str; 2] = ["two0", "six0"];
const ALL: [&str; 3] = [SERVER_IFACE, OTHERS[0], OTHERS[1]];

fn ip(lab: &Lab, args: &str) {
    let mut command = lab.server().command("ip");
    let output = throttler_lab::run(command.args(args.split(' ')), LONG).expect("an end");
    assert_eq!(output.code(), Some(0), "ip {args}: {output:?}");
}

fn appear(lab: &Lab, iface: &str) {
    ip(
        lab,
        &format!("link add {iface} type veth peer name {iface}p"),
    );
    ip(lab, &format!("link set {iface}p up"));
    ip(lab, &format!("link set {iface} up"));
}

/// A daemon on three interfaces.
fn start(tag: &str, extra: &[&str]) -> Site {
    let lab = lab(tag);
    OTHERS.iter().for_each(|iface| appear(&lab, iface));
    let extra = [&["--iface", "two0,six0"], extra].concat();
    let daemon = Daemon::start(&lab, binary(), FIVE_A_DAY, &extra).expect("a daemon");
    let injector = Injector::new(&lab).expect("an injector");
    let site = Site {
        daemon,
        injector,
        lab,
    };
    all_enforce(&site, 0);
    site
}

fn said(site: &Site, seen: usize, text: &str) -> String {
    let line = site.daemon.wait_stderr(seen, text, LONG);
    line.expect("a word")
}

fn all_enforce(site: &Site, seen: usize) {
    for iface in ALL {
        said(site, seen, &format!("enforcing on {iface} "));
    }
}

/// Starts again with another policy.
fn restart(site: &mut Site, policy: &str, extra: &[&str]) -> usize {
    let seen = site.daemon.stderr_lines().len();
    let extra = [&["--iface", "two0,six0"], extra].concat();
    site.daemon.rewrite_policy(policy).expect("a policy");
    site.daemon.set_command(binary(), &extra);
    site.daemon.restart().expect("a daemon");
    all_enforce(site, seen);
    seen
}

fn counters(site: &Site, iface: &str) -> Counters {
    let args = ["dump", "counters", "--iface", iface, "-o", "json"];
    let dump = site.daemon.json(&args).expect("counters");
    Counters::from_json(&dump, iface).expect("counters")
}

/// How many of so many datagrams were passed on an interface.
fn offer(site: &Site, iface: &str, src: &str, n: u64) -> u64 {
    let src: IpAddr = address(src);
    if iface == SERVER_IFACE {
        return site.offer(src, n);
    }
    let far = format!("{iface}p");
    let injector = Injector::on(site.lab.server(), &far).expect("a raw socket");
    let frame = frames::udp(src, server(src), 1024, PORT, 18);
    offered(|| counters(site, iface), "dns", &injector, &frame, n)
}

/// What each of the interfaces passes of nine datagrams.
fn each(site: &Site, src: &str) -> [u64; 3] {
    ALL.map(|iface| offer(site, iface, src, 9))
}

fn metric(site: &Site, name: &str, iface: &str) -> u64 {
    let text = ask(site, "GET /metrics", "").body;
    let start = format!("{name}{{iface=\"{iface}\"}} ");
    let value = text.lines().find_map(|line| line.strip_prefix(&start));
    value
        .unwrap_or_else(|| panic!("no {name} of {iface} in {text}"))
        .parse()
        .expect("a number")
}

fn rate(rate: &str) -> String {
    FIVE_A_DAY.replace("5/day", rate)
}

/// Waits until `/healthz` answers so; what it says.
fn health(site: &Site, status: u16) -> String {
    let end = Instant::now() + LONG;
    loop {
        let answer = ask(site, "GET /healthz", "");
        if answer.status == status {
            return answer.body;
        }
        assert!(Instant::now() < end, "{}: {}", answer.status, answer.body);
    }
}

#[test]
fn what_is_asked_for_is_done_on_each() {
    let mut site = start("three", &[]);
    assert_eq!(each(&site, "192.0.2.1"), [5; 3], "a bucket each");
    site.daemon
        .rewrite_policy(&rate("7/day"))
        .expect("a policy");
    let said = site.cli_ok(&["reload"]);
    for iface in ALL {
        let line = format!("{iface}: policy generation 2 in force");
        assert!(said.contains(&line), "{said}");
    }
    assert_eq!(each(&site, "192.0.2.2"), [7; 3]);
    let said = site.cli_ok(&["ban", "add", "192.0.2.3"]);
    assert_eq!(said.lines().count(), 3, "{said}");
    assert_eq!(each(&site, "192.0.2.3"), [0; 3]);
    site.cli_ok(&["pause"]);
    assert_eq!(each(&site, "192.0.2.3"), [9; 3]);
    site.cli_ok(&["resume"]);
    assert_eq!(each(&site, "192.0.2.3"), [0; 3]);
    health(&site, 200);
    for iface in ALL {
        assert_eq!(metric(&site, "throttler_selfcheck_successful", iface), 1);
        assert_eq!(metric(&site, "throttler_policy_generation", iface), 3);
    }
    assert!(site.daemon.stop().expect("an end").success());
    for iface in ALL {
        assert!(!site.pins(iface).exist(), "{iface}");
    }
}

#[test]
fn one_that_vanishes_is_named_and_has_missed_nothing_when_it_returns() {
    let mut site = start("three-gone", &["--check-every-ms", "20"]);
    assert_eq!(each(&site, "192.0.2.1"), [5; 3]);
    let seen = site.daemon.stderr_lines().len();
    ip(&site.lab, "link del two0");
    said(&site, seen, "two0: the interface has gone");
    let body = health(&site, 503);
    assert!(body.contains("two0") && !body.contains("six0"), "{body}");
    let checks = ALL.map(|iface| metric(&site, "throttler_selfcheck_successful", iface));
    assert_eq!(checks, [1, 0, 1]);
    // The others go on, and take what is asked for.
    site.cli_ok(&["ban", "add", "192.0.2.3"]);
    site.daemon
        .rewrite_policy(&rate("7/day"))
        .expect("a policy");
    site.cli_ok(&["reload"]);
    for iface in [SERVER_IFACE, "six0"] {
        assert_eq!(offer(&site, iface, "192.0.2.2", 9), 7, "{iface}");
        assert_eq!(offer(&site, iface, "192.0.2.3", 9), 0, "{iface}");
    }
    appear(&site.lab, "two0");
    said(&site, seen, "enforcing on two0");
    assert_eq!(offer(&site, "two0", "192.0.2.2", 9), 7);
    assert_eq!(offer(&site, "two0", "192.0.2.3", 9), 0);
    assert_eq!(offer(&site, "two0", "192.0.2.1", 9), 0, "kept");
    health(&site, 200);
    assert!(site.daemon.stop().expect("an end").success());
}

/// As many scopes as that, with names of their own.
fn scopes(name: &str, many: u16) -> String {
    let scope = |n: u16| {
        let port = 10_000 + n;
        format!("[scopes.{name}{n}]\nmatch = [{{ protocol = \"tcp\", ports = [{port}] }}]\n")
    };
    FIVE_A_DAY.to_owned() + &(0..many).map(scope).collect::<String>()
}

#[test]
fn a_reload_that_one_cannot_take_is_taken_by_none() {
    let mut site = start("three-full", &[]);
    // Names are kept apart until an interface is detached: here on two of them.
    site.daemon
        .rewrite_policy(&scopes("old", 150))
        .expect("a policy");
    site.cli_ok(&["reload"]);
    site.daemon.kill().expect("an end");
    site.cli_ok(&["detach", "--iface", SERVER_IFACE]);
    restart(&mut site, FIVE_A_DAY, &[]);
    let before = ALL.map(|iface| counters(&site, iface).generation);

    let new = scopes("new", 150).replace("5/day", "9/day");
    site.daemon.rewrite_policy(&new).expect("a policy");
    let seen = site.daemon.stderr_lines().len();
    let output = site.daemon.cli(&["reload"]).expect("an end");
    assert_eq!(output.code(), Some(78), "{output:?}");
    let text = &output.stderr;
    assert!(
        text.contains("two0")
            && text.contains("names have been used")
            && text.contains("veth-s is put back"),
        "{text}"
    );
    let lines = site.daemon.stderr_lines()[seen..].join("\n");
    assert!(lines.contains("two0: keeping the old policy"), "{lines}");
    assert!(lines.contains("six0: left as it was"), "{lines}");
    let after = ALL.map(|iface| counters(&site, iface).generation);
    // Forth and back on the first, nothing on the others.
    assert_eq!(after, [before[0] + 2, before[1], before[2]]);
    assert_eq!(each(&site, "192.0.2.1"), [5; 3]);
    let text = ask(&site, "GET /metrics", "").body;
    assert!(
        text.contains("throttler_policy_last_reload_successful 0"),
        "{text}"
    );
    // What is changed later starts from what is in force.
    site.cli_ok(&["ban", "add", "192.0.2.3"]);
    assert_eq!(each(&site, "192.0.2.2"), [5; 3]);
    assert_eq!(each(&site, "192.0.2.3"), [0; 3]);
    health(&site, 200);
}

#[test]
fn a_ban_that_one_cannot_take_is_taken_by_none() {
    let mut site = start("three-ban", &[]);
    // The file cannot be replaced where there is a directory in its way.
    let way = site.daemon.state_dir().join("two0.overrides.json.new");
    fs::create_dir(&way).expect("a directory");
    let output = site
        .daemon
        .cli(&["ban", "add", "192.0.2.3"])
        .expect("an end");
    assert_eq!(output.code(), Some(1), "{output:?}");
    assert!(
        output.stderr.contains("two0: nothing is changed")
            && output.stderr.contains("veth-s is put back"),
        "{output:?}"
    );
    assert_eq!(each(&site, "192.0.2.3"), [5; 3]);
    assert_eq!(site.cli_ok(&["ban", "list", "-o", "jsonl"]), "");
    fs::remove_dir(&way).expect("removed");
    site.cli_ok(&["ban", "add", "192.0.2.4"]);
    assert_eq!(each(&site, "192.0.2.4"), [0; 3]);
    // What was refused is not in the files either.
    site.daemon.kill().expect("an end");
    restart(&mut site, FIVE_A_DAY, &[]);
    assert_eq!(each(&site, "192.0.2.5"), [5; 3]);
    let bans: Value = site
        .daemon
        .json(&["ban", "list", "-o", "json"])
        .expect("bans");
    assert_eq!(bans["bans"].as_array().map(Vec::len), Some(3), "{bans}");
}

#[test]
fn each_goes_back_to_what_was_in_force_there() {
    let mut site = start("three-back", &[]);
    site.daemon
        .rewrite_policy(&rate("6/day"))
        .expect("a policy");
    site.cli_ok(&["reload"]);
    site.daemon.kill().expect("an end");
    site.cli_ok(&["detach", "--iface", "six0"]);
    let seen = restart(&mut site, &rate("3/day"), &["--confirm", "4s"]);
    said(&site, seen, "six0: without it the program is taken off");
    for iface in [SERVER_IFACE, "two0"] {
        said(
            &site,
            seen,
            &format!("{iface}: without it the policy before"),
        );
        said(&site, seen, &format!("{iface}: rolled back"));
    }
    said(&site, seen, "six0: detached");
    assert!(!site.pins("six0").exist());
    for iface in [SERVER_IFACE, "two0"] {
        assert_eq!(offer(&site, iface, "192.0.2.2", 9), 6, "{iface}");
    }
    let body = health(&site, 503);
    assert!(
        body.contains("six0: ") && body.contains("not confirmed"),
        "{body}"
    );
    // The file is tried again, everywhere, and confirmed.
    let seen = site.daemon.stderr_lines().len();
    site.cli_ok(&["reload"]);
    said(&site, seen, "enforcing on six0");
    let said = site.cli_ok(&["confirm"]);
    assert_eq!(said.lines().count(), 3, "{said}");
    assert_eq!(each(&site, "192.0.2.3"), [3; 3]);
    health(&site, 200);
    site.daemon.kill().expect("an end");
    let seen = restart(&mut site, &rate("8/day"), &["--confirm", "1s"]);
    for iface in ALL {
        crate::several::said(&site, seen, &format!("{iface}: rolled back"));
    }
    assert_eq!(each(&site, "192.0.2.4"), [3; 3]);
}

#[test]
fn a_start_that_one_refuses_leaves_the_others_as_they_were() {
    let mut site = start("three-start", &[]);
    site.daemon.kill().expect("an end");
    // `lo` has no native XDP: that is found out by attaching.
    site.daemon
        .rewrite_policy(&rate("9/day"))
        .expect("a policy");
    let path = site.daemon.policy_path();
    let path = path.to_str().expect("a path");
    let run = [
        "run",
        "--iface",
        "two0,lo",
        "--xdp-mode",
        "native",
        "-c",
        path,
    ];
    let output = site.daemon.cli(&run).expect("an end");
    assert_eq!(output.code(), Some(1), "{output:?}");
    assert!(
        output.stderr.contains("lo refuses native XDP")
            && output
                .stderr
                .contains("two0: the policy before is put back (generation 3)"),
        "{output:?}"
    );
    assert_eq!(each(&site, "192.0.2.1"), [5; 3]);
    assert!(!site.pins("lo").exist());
}
