//! A bad policy file changes nothing and is explained; a change that needs a restart says so.

use throttler_lab::Reload;

use crate::site::{FIVE_A_DAY, LONG, Site, address};

#[test]
fn a_bad_file_leaves_the_old_policy_in_force() {
    let mut site = Site::start("bad", FIVE_A_DAY, &[]);
    let src = address("192.0.2.1");
    assert_eq!(site.offer(src, 4), 4);
    let seen = site.daemon.stderr_lines().len();
    let bad = FIVE_A_DAY.replace("5/day", "5/fortnight");
    site.daemon.rewrite_policy(&bad).expect("a policy");
    let Reload::Refused(line) = site.daemon.reload().expect("a word") else {
        panic!("a bad policy was applied");
    };
    assert!(
        line.contains("generation 1") && line.contains("veth-s"),
        "{line}"
    );
    // The line of the file, and a caret under what is wrong with it.
    for text in [
        "daily = { rate = \"5/fortnight\" }",
        "^",
        "throttler.toml:5:",
    ] {
        site.daemon
            .wait_stderr(seen, text, LONG)
            .expect("an explanation");
    }
    assert_eq!(site.counters().generation, 1);
    assert_eq!(site.offer(src, 4), 1, "the old policy, and the old bucket");

    let good = FIVE_A_DAY.replace("5/day", "8/day");
    site.daemon.rewrite_policy(&good).expect("a policy");
    let reload = site.daemon.reload().expect("a word");
    assert!(matches!(&reload, Reload::Applied(line) if line.contains("generation 2")));
    assert_eq!(site.counters().generation, 2);
    assert_eq!(site.offer(address("192.0.2.2"), 10), 8);
}

#[test]
fn a_missing_file_leaves_the_old_policy_in_force() {
    let mut site = Site::start("missing", FIVE_A_DAY, &[]);
    std::fs::remove_file(site.daemon.policy_path()).expect("a file");
    let reload = site.daemon.reload().expect("a word");
    assert!(matches!(reload, Reload::Refused(_)), "{reload:?}");
    site.daemon
        .wait_stderr(0, "throttler.toml", LONG)
        .expect("its name");
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
}

#[test]
fn another_table_size_waits_for_the_next_start() {
    let sized = |sources| format!("[throttler]\nmax_sources = {sources}\n{FIVE_A_DAY}");
    let mut site = Site::start("size", &sized(1024), &[]);
    site.daemon.rewrite_policy(&sized(2048)).expect("a policy");
    let reload = site.daemon.reload().expect("a word");
    assert!(matches!(reload, Reload::Applied(_)), "{reload:?}");
    let line = site
        .daemon
        .wait_stderr(0, "max_sources 2048", LONG)
        .expect("a warning");
    assert!(
        line.contains("next start") && line.contains("1024"),
        "{line}"
    );
    let dump = site
        .daemon
        .json(&["dump", "counters", "-o", "json"])
        .expect("JSON");
    assert_eq!(dump["interfaces"][0]["sources"]["max"], 1024);
}
