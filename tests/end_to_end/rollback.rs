//! `run --confirm` over a policy that an earlier daemon has left enforcing: what comes back if nobody confirms.

use std::fs;

use throttler_lab::topology::SERVER_IFACE;

use crate::site::{FIVE_A_DAY, LONG, Site, address, binary};

fn rate(rate: &str) -> String {
    FIVE_A_DAY.replace("5/day", rate)
}

/// Starts again with another policy, the earlier one being in force without a daemon.
fn restart(site: &mut Site, policy: &str, extra: &[&str]) {
    site.daemon.rewrite_policy(policy).expect("a policy");
    site.daemon.set_command(binary(), extra);
    site.daemon.restart().expect("a daemon");
}

fn said(site: &Site, seen: usize, text: &str) -> String {
    let line = site.daemon.wait_stderr(seen, text, LONG);
    line.expect("a word")
}

#[test]
fn the_policy_that_a_killed_daemon_left_comes_back() {
    let mut site = Site::start("back-killed", &rate("6/day"), &[]);
    let old = address("192.0.2.1");
    assert_eq!(site.offer(old, 2), 2);
    site.cli_ok(&["ban", "add", "192.0.2.66"]);
    site.daemon.kill().expect("an end");
    // What the rollback needs is not in the file any more.
    let seen = site.daemon.stderr_lines().len();
    restart(&mut site, &rate("3/day"), &["--confirm", "6s"]);
    let line = said(&site, seen, "without it the policy before is put back");
    assert!(line.contains("veth-s.policy.toml"), "{line}");
    assert_eq!(site.offer(address("192.0.2.2"), 9), 3, "on trial");
    assert_eq!(site.offer(old, 1), 1, "of 3 that are left to it");
    site.cli_ok(&["exempt", "add", "192.0.2.77"]);
    said(&site, seen, "veth-s: rolled back: policy generation");
    assert_eq!(site.offer(address("192.0.2.3"), 9), 6, "put back");
    assert_eq!(site.offer(old, 9), 2, "no bucket is refilled");
    assert_eq!(site.offer(address("192.0.2.66"), 2), 0, "banned before");
    assert_eq!(site.offer(address("192.0.2.77"), 9), 9, "exempt meanwhile");
    let status = site.cli_ok(&["status"]);
    assert!(status.contains("veth-s.policy.toml"), "{status}");

    // The daemon goes on: what it heals, bans and reloads starts from the policy that is in force.
    site.cli_ok(&["ban", "add", "192.0.2.88"]);
    assert_eq!(site.offer(address("192.0.2.4"), 9), 6);
    let seen = site.daemon.stderr_lines().len();
    site.daemon.reload().expect("a reload");
    assert_eq!(site.offer(address("192.0.2.5"), 9), 3, "on trial again");
    site.cli_ok(&["confirm"]);
    assert!(site.daemon.stop().expect("an end").success());
    let lines = site.daemon.stderr_lines();
    let rolled = lines[seen..]
        .iter()
        .filter(|line| line.contains("rolled back"));
    assert_eq!(rolled.count(), 0, "{lines:#?}");
}

#[test]
fn what_a_daemon_kept_at_its_end_comes_back_also_in_monitor_mode() {
    let mut site = Site::start(
        "back-kept",
        &rate("6/day"),
        &["--on-exit", "keep", "--monitor"],
    );
    assert!(site.daemon.stop().expect("an end").success());
    assert_eq!(site.offer(address("192.0.2.1"), 9), 9, "monitored");
    let seen = site.daemon.stderr_lines().len();
    restart(&mut site, &rate("3/day"), &["--confirm", "1s"]);
    said(&site, seen, "veth-s: rolled back");
    assert_eq!(site.offer(address("192.0.2.3"), 9), 9, "monitored again");
    // What it was told then it still does.
    assert!(site.daemon.stop().expect("an end").success());
    assert_eq!(site.offer(address("192.0.2.4"), 9), 9);
    assert!(site.pins(SERVER_IFACE).exist());
}

#[test]
fn a_list_file_comes_back_as_it_was() {
    let site = Site::start("back-list", FIVE_A_DAY, &[]);
    let list = site.daemon.policy_path().with_file_name("blocked.txt");
    fs::write(&list, "192.0.2.0/25\n").expect("a list");
    let policy = format!("{FIVE_A_DAY}[[sources]]\nfile = \"blocked.txt\"\nblock = true\n");
    let mut site = site;
    site.daemon.rewrite_policy(&policy).expect("a policy");
    site.daemon.reload().expect("a reload");
    assert_eq!(site.offer(address("192.0.2.1"), 2), 0);
    site.daemon.kill().expect("an end");
    fs::write(&list, "192.0.2.128/25\n").expect("a list");
    let seen = site.daemon.stderr_lines().len();
    restart(&mut site, &policy, &["--confirm", "1s"]);
    said(&site, seen, "veth-s: rolled back");
    assert_eq!(site.offer(address("192.0.2.3"), 2), 0);
    assert_eq!(site.offer(address("192.0.2.200"), 2), 2);
}

#[test]
fn a_trial_that_is_killed_confirms_nothing() {
    let mut site = Site::start("back-twice", &rate("6/day"), &[]);
    site.daemon.kill().expect("an end");
    restart(&mut site, &rate("3/day"), &["--confirm", "1h"]);
    assert_eq!(site.offer(address("192.0.2.1"), 9), 3);
    site.daemon.kill().expect("an end");
    assert_eq!(site.offer(address("192.0.2.2"), 9), 3, "it stays");
    // On trial against what was in force for good, not against the trial.
    let seen = site.daemon.stderr_lines().len();
    restart(&mut site, &rate("4/day"), &["--confirm", "1s"]);
    said(&site, seen, "veth-s: rolled back");
    assert_eq!(site.offer(address("192.0.2.4"), 9), 6);
    site.daemon.kill().expect("an end");
    // Without a trial it is for good, and what comes back after the next one.
    restart(&mut site, &rate("2/day"), &[]);
    site.daemon.kill().expect("an end");
    let seen = site.daemon.stderr_lines().len();
    restart(&mut site, &rate("8/day"), &["--confirm", "1s"]);
    said(&site, seen, "veth-s: rolled back");
    assert_eq!(site.offer(address("192.0.2.5"), 9), 2);
}

#[test]
fn what_was_in_force_once_does_not_come_back() {
    let mut site = Site::start("back-once", &rate("6/day"), &[]);
    assert!(site.daemon.stop().expect("an end").success());
    assert!(!site.pins(SERVER_IFACE).exist());
    // Nothing was in force before this start, nor is there after it, also where the first of two was killed.
    restart(&mut site, &rate("3/day"), &["--confirm", "1h"]);
    site.daemon.kill().expect("an end");
    let seen = site.daemon.stderr_lines().len();
    restart(&mut site, &rate("3/day"), &["--confirm", "1s"]);
    said(&site, seen, "no policy was in force there for good");
    assert_eq!(site.daemon.wait().expect("the end").code(), Some(1));
    assert!(!site.pins(SERVER_IFACE).exist());
}

#[test]
fn to_end_is_not_to_confirm() {
    let mut site = Site::start("back-ended", &rate("6/day"), &["--on-exit", "keep"]);
    site.daemon.kill().expect("an end");
    restart(
        &mut site,
        &rate("3/day"),
        &["--on-exit", "keep", "--confirm", "1h"],
    );
    assert_eq!(site.offer(address("192.0.2.1"), 9), 3);
    assert!(site.daemon.stop().expect("an end").success());
    assert_eq!(site.offer(address("192.0.2.2"), 9), 6, "kept, and put back");
    assert_eq!(site.cli_ok(&["detach"]).lines().count(), 1);
    // Where there was nothing before there is nothing after it.
    restart(
        &mut site,
        &rate("3/day"),
        &["--on-exit", "keep", "--confirm", "1h"],
    );
    assert!(site.daemon.stop().expect("an end").success());
    assert!(!site.pins(SERVER_IFACE).exist());
}

#[test]
fn a_record_that_cannot_be_read_is_named_at_the_start() {
    let mut site = Site::start("back-bad", &rate("6/day"), &[]);
    site.daemon.kill().expect("an end");
    let record = site.daemon.state_dir().join("veth-s.policy.toml");
    let text = fs::read_to_string(&record).expect("a record");
    fs::write(&record, text.replace("6/day", "6/fortnight")).expect("written");
    let seen = site.daemon.stderr_lines().len();
    restart(&mut site, &rate("3/day"), &["--confirm", "1s"]);
    let line = said(&site, seen, "the policy before cannot be put back");
    assert!(line.contains("veth-s.policy.toml"), "{line}");
    said(&site, seen, "the program is taken off");
    assert_eq!(site.daemon.wait().expect("the end").code(), Some(1));
    assert!(!site.pins(SERVER_IFACE).exist());
}
