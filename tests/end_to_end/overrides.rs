//! What operators say beside the policy: bans, exemptions and bindings, until they end or are taken back.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use throttler_lab::CliOutput;

use crate::{
    lookout::wait_metric,
    site::{LONG, Site, address},
};

/// Five datagrams a day on the port of [`Site::offer`], ten with a plan.
const POLICY: &str = r#"
[scopes.dns]
match = [{ protocol = "udp", ports = [5300] }]
[scopes.dns.limits]
daily = { rate = "5/day" }
[plans.pro.dns]
daily = "10/day"
[[sources]]
from = ["198.51.100.0/24"]
exempt = true
"#;

fn done(site: &Site, args: &[&str]) -> String {
    let output = said(site, args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    output.stdout
}

fn said(site: &Site, args: &[&str]) -> CliOutput {
    site.daemon.cli(args).expect("the command")
}

fn bans(site: &Site) -> Vec<Value> {
    let document = site
        .daemon
        .json(&["ban", "list", "-o", "json"])
        .expect("a list");
    document["bans"].as_array().expect("bans").clone()
}

#[test]
fn a_ban_drops_all_until_it_is_taken_back_and_outlives_the_daemon() {
    let mut site = Site::start("over-ban", POLICY, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 2), 2);
    let args = [
        "ban",
        "add",
        "192.0.2.0/24",
        "--for",
        "1h",
        "--reason",
        "scraping",
    ];
    assert_eq!(done(&site, &args), "veth-s: 192.0.2.0/24 banned\n");
    assert_eq!(
        done(&site, &args[..5]),
        "veth-s: 192.0.2.0/24 banned\n",
        "another reason"
    );
    assert_eq!(done(&site, &args), "veth-s: 192.0.2.0/24 banned\n");
    for known in ["192.0.2.1", "192.0.2.2"] {
        assert_eq!(site.offer(address(known), 3), 0, "{known}");
    }
    let listed = bans(&site);
    let fields =
        |ban: &Value| ["source", "scope", "given_by", "reason"].map(|key| ban[key].clone());
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(
        fields(&listed[0]),
        ["192.0.2.0/24", "*", "operator", "scraping"]
    );
    assert!(
        listed[0]["since"].is_string() && listed[0]["until"].is_string(),
        "{listed:?}"
    );
    assert_eq!(
        said(&site, &["ban", "test", "192.0.2.7"]).status.code(),
        Some(0)
    );
    assert_eq!(
        said(&site, &["ban", "test", "192.0.3.7"]).status.code(),
        Some(4)
    );
    let explained = site.daemon.json(&[
        "explain",
        "192.0.2.7",
        "--port",
        "5300",
        "--proto",
        "udp",
        "-o",
        "json",
    ]);
    let explained = explained.expect("an answer");
    assert_eq!(explained["buckets"][0]["verdict"], "drop", "{explained}");
    assert_eq!(
        explained["buckets"][0]["rule_reason"], "scraping",
        "{explained}"
    );

    site.daemon.kill().expect("the end");
    assert_eq!(site.offer(address("192.0.2.3"), 3), 0, "without a daemon");
    site.daemon.restart().expect("a daemon");
    assert_eq!(site.offer(address("192.0.2.3"), 3), 0, "after a restart");
    assert_eq!(bans(&site), listed);
    site.daemon.stop().expect("the end");
    site.daemon.restart().expect("a daemon");
    assert_eq!(site.offer(address("192.0.2.3"), 3), 0, "after a detach");

    let deleted = done(&site, &["ban", "del", "192.0.2.0/24"]);
    assert_eq!(
        deleted,
        "veth-s: 192.0.2.0/24 no longer banned by an operator\n"
    );
    assert_eq!(site.offer(address("192.0.2.1"), 9), 5);
    assert_eq!(bans(&site), [] as [Value; 0]);
    let again = said(&site, &["ban", "del", "192.0.2.0/24"]);
    assert_eq!(again.status.code(), Some(4), "{again:?}");
}

#[test]
fn a_ban_refills_no_bucket_and_its_end_needs_no_daemon() {
    let mut site = Site::start("over-end", POLICY, &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 4), 4);
    done(&site, &["ban", "add", "192.0.2.1", "--for", "3s"]);
    assert_eq!(site.offer(address("192.0.2.1"), 3), 0);
    site.daemon.kill().expect("the end");
    let end = Instant::now() + LONG;
    let mut passed = 0;
    while passed == 0 {
        assert!(Instant::now() < end, "the ban never ended");
        std::thread::sleep(Duration::from_millis(100));
        passed += site.offer(address("192.0.2.1"), 1);
    }
    assert_eq!(
        site.offer(address("192.0.2.1"), 9),
        0,
        "the bucket was refilled"
    );
}

#[test]
fn an_exemption_beats_a_ban_and_a_ban_a_plan() {
    let site = Site::start("over-order", POLICY, &[]);
    done(&site, &["bind", "192.0.2.1", "pro"]);
    assert_eq!(site.offer(address("192.0.2.1"), 12), 10);
    done(&site, &["ban", "add", "192.0.0.0/16"]);
    assert_eq!(site.offer(address("192.0.2.1"), 3), 0);
    done(
        &site,
        &[
            "exempt",
            "add",
            "192.0.2.0/24",
            "--for",
            "1h",
            "--reason",
            "ours",
        ],
    );
    assert_eq!(site.offer(address("192.0.2.1"), 30), 30);
    assert_eq!(site.offer(address("192.0.3.1"), 3), 0);
    // The policy's own exemption, too.
    done(&site, &["ban", "add", "198.51.100.7"]);
    assert_eq!(site.offer(address("198.51.100.7"), 9), 9);
    let listed = site
        .daemon
        .json(&["exempt", "list", "-o", "json"])
        .expect("a list");
    let exemptions = listed["exemptions"].as_array().expect("exemptions");
    assert_eq!(exemptions.len(), 1, "{listed}");
    assert_eq!(
        (&exemptions[0]["source"], &exemptions[0]["reason"]),
        (&json!("192.0.2.0/24"), &json!("ours"))
    );
    done(&site, &["exempt", "del", "192.0.2.0/24"]);
    done(&site, &["ban", "del", "192.0.0.0/16"]);
    assert_eq!(
        site.offer(address("192.0.2.1"), 3),
        0,
        "its ten were used up"
    );
    done(&site, &["unbind", "192.0.2.1"]);
    let output = said(&site, &["bind", "192.0.2.1", "gold"]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(
        output.stderr.contains("no plan `gold`; there is pro"),
        "{output:?}"
    );
}

#[test]
fn a_reload_keeps_them_and_does_not_come_with_them() {
    let mut site = Site::start("over-reload", POLICY, &[]);
    done(&site, &["ban", "add", "192.0.2.1"]);
    done(&site, &["bind", "192.0.2.2", "pro"]);
    let stricter = POLICY.replace("5/day", "3/day");
    site.daemon.rewrite_policy(&stricter).expect("a policy");
    // Somebody is editing the file: a ban must not bring it into force.
    done(&site, &["ban", "add", "192.0.2.9"]);
    assert_eq!(site.offer(address("192.0.2.3"), 9), 5);
    site.daemon.reload().expect("a reload");
    assert_eq!(site.offer(address("192.0.2.4"), 9), 3);
    assert_eq!(site.offer(address("192.0.2.1"), 3), 0);
    assert_eq!(site.offer(address("192.0.2.2"), 12), 10);
    // Without the plan, the policy's own limits hold.
    let none = stricter.replace("[plans.pro.dns]\ndaily = \"10/day\"\n", "");
    site.daemon.rewrite_policy(&none).expect("a policy");
    let before = site.daemon.stderr_lines().len();
    site.daemon.reload().expect("a reload");
    let warned = site
        .daemon
        .wait_stderr(before, "which the policy does not have", LONG);
    assert!(warned.expect("a warning").contains("`pro`"));
    assert_eq!(site.offer(address("192.0.2.5"), 9), 3);
}

#[test]
fn a_list_is_imported_whole_or_not_at_all() {
    let site = Site::start("over-import", POLICY, &[]);
    let file = tempfile::NamedTempFile::new().expect("a file");
    let list: Vec<String> = (0..5_000)
        .map(|n| format!("10.{}.{}.7", n / 250, n % 250))
        .collect();
    fs::write(file.path(), format!("# bots\n{}\n", list.join("  # one\n"))).expect("a list");
    let path = file.path().to_str().expect("a path");
    let imported = done(
        &site,
        &["ban", "import", path, "--for", "1h", "--reason", "bots"],
    );
    assert_eq!(imported, "veth-s: 5000 prefixes banned\n");
    let again = done(
        &site,
        &["ban", "add", "10.0.0.7", "--for", "1h", "--reason", "bots"],
    );
    assert_eq!(again, "veth-s: 10.0.0.7/32 banned\n", "another end");
    assert_eq!(site.offer(address("10.19.249.7"), 3), 0);
    assert_eq!(site.offer(address("10.19.249.8"), 3), 3);
    assert_eq!(bans(&site).len(), 5_000);
    fs::write(file.path(), "11.0.0.1\n11.0.0.2/8\n").expect("a list");
    let output = said(&site, &["ban", "import", path]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(output.stderr.contains(":2:"), "{output:?}");
    assert_eq!(site.offer(address("11.0.0.1"), 3), 3);
}

#[test]
fn a_rule_that_had_no_room_is_in_force_before_the_others_are_over() {
    // Four that end, one within the other, and the policy's own around them, which stays.
    let policy = format!("{POLICY}[[sources]]\nfrom = [\"203.0.113.0/25\"]\nblock = true\n");
    let site = Site::start("over-room", &policy, &["--check-every-ms", "20"]);
    let src = address("203.0.113.7");
    for (prefix, time) in [
        ("203.0.113.7", "1s"),
        ("203.0.113.0/28", "2s"),
        ("203.0.113.0/27", "3s"),
        ("203.0.113.0/26", "4s"),
    ] {
        done(&site, &["bind", prefix, "pro", "--for", time]);
    }
    // Under the plan until the last of them has ended; then blocked, without a reload.
    assert!(site.offer(src, 1) <= 1);
    let blocked = |site: &Site| site.counters().reason("dns", "blocked").0;
    let end = Instant::now() + 2 * LONG;
    while blocked(&site) == 0 {
        assert!(Instant::now() < end, "never blocked");
        site.offer(src, 1);
    }
    assert_eq!(site.offer(src, 3), 0, "blocked");
}

/// KiB that the daemon has of its own, the mapped tables left out.
fn memory(site: &Site) -> u64 {
    let pid = site.daemon.pid().expect("a running daemon");
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).expect("its memory");
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("Anonymous:"));
    let size = line.and_then(|line| line.trim().strip_suffix(" kB"));
    size.and_then(|size| size.parse().ok()).expect("Anonymous")
}

#[test]
fn a_long_list_leaves_the_daemon_small() {
    const BANS: u64 = 100_000;
    let site = Site::start("over-memory", POLICY, &[]);
    // The lookout takes its memory with its first look.
    wait_metric(
        &site,
        "throttler_lookout_sweeps_total{iface=\"veth-s\"}",
        |looks| looks > 0,
    );
    let before = memory(&site);
    let list = site.daemon.policy_path().with_file_name("bans.txt");
    let line = |n: u64| format!("10.{}.{}.{}\n", n >> 16, n >> 8 & 255, n & 255);
    fs::write(&list, (0..BANS).map(line).collect::<String>()).expect("a list");
    let path = list.to_str().expect("a path");
    let import = ["ban", "import", path, "--for", "1h", "--reason", "bots"];
    done(&site, &import);
    // An address with what is kept beside it; what the import took to be compiled is given back soon after it.
    // Beside it a quarter of a MiB for what the daemon's threads keep of having heard of it.
    let most = before + BANS * 80 / 1024 + 256;
    let end = Instant::now() + LONG;
    while memory(&site) > most {
        let now = memory(&site);
        assert!(Instant::now() < end, "{now} KiB, {before} before");
    }
}

#[test]
fn a_file_that_cannot_be_understood_is_set_aside() {
    let mut site = Site::start("over-broken", POLICY, &[]);
    done(&site, &["ban", "add", "192.0.2.1"]);
    site.daemon.kill().expect("the end");
    let path = site.daemon.state_dir().join("veth-s.overrides.json");
    assert!(path.exists());
    fs::write(&path, "{\"version\":1,").expect("written");
    let before = site.daemon.stderr_lines().len();
    site.daemon.restart().expect("a daemon");
    let word = site
        .daemon
        .wait_stderr(before, "NOT in force", LONG)
        .expect("a word");
    assert!(word.contains("veth-s.overrides.json.broken-"), "{word}");
    assert_eq!(site.offer(address("192.0.2.1"), 9), 5);
}
