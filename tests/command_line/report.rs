//! `throttler report` of histories that are made for it: no daemon, no maps.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;
use throttler::history;
use throttler_lab::CliOutput;

use crate::{
    past::{self, DAY},
    past_day::day,
    said::{replaced, say, shown, snapshot, without_log_times},
};

/// A state directory without a daemon.
struct Alone {
    directory: TempDir,
}

impl Alone {
    fn new() -> Self {
        let directory = TempDir::with_prefix("thr-report-").expect("a directory");
        Self { directory }
    }

    /// The same with a day's history of one interface.
    fn with_a_day() -> Self {
        let alone = Self::new();
        past::keep(alone.path(), "eth0", &day());
        alone
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn say(&self, args: &[&str]) -> CliOutput {
        let nowhere = self.file("nowhere");
        let [state, nowhere] = [self.path(), &nowhere].map(|path| path.to_str().expect("a path"));
        let here = [
            "report",
            "--state-dir",
            state,
            "--socket",
            nowhere,
            "--bpffs",
            nowhere,
        ];
        say(&[&here[..], args].concat())
    }

    /// What it prints, without a word besides.
    fn result(&self, args: &[&str]) -> String {
        let output = self.say(args);
        assert_eq!(
            (output.code(), output.stderr.as_str()),
            (Some(0), ""),
            "{args:?}: {output:?}"
        );
        output.stdout
    }

    fn json(&self, args: &[&str]) -> Value {
        let text = self.result(&[args, &["-o", "json"]].concat());
        let value: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(value["schema_version"], 1);
        value
    }

    fn shown(&self, args: &[&str]) -> String {
        let directory = self.path().to_str().expect("a path");
        let mut output = self.say(args);
        output.stderr = without_log_times(&output.stderr);
        replaced(&shown(&output), &[(directory, "DIR")])
    }
}

#[test]
fn a_day_as_a_table() {
    let alone = Alone::with_a_day();
    let day = |more: &[&str]| alone.result(&[&DAY[..], more].concat());
    snapshot!("report_table", day(&[]).trim_end());
    snapshot!("report_by_plan", day(&["--by", "plan"]).trim_end());
    snapshot!(
        "report_by_network_and_limit",
        day(&["--by", "network,limit", "--top", "3"]).trim_end()
    );
}

#[test]
fn a_day_as_json_and_csv() {
    let alone = Alone::with_a_day();
    let mut json = alone.json(&DAY);
    // A bar of each kind says it.
    let bars = json["over_time"]["bars"].as_array_mut().expect("bars");
    bars.retain(|bar| {
        bar["begin"]
            .as_str()
            .is_some_and(|begin| begin.ends_with("T08:20:00.000Z"))
    });
    snapshot!(
        "report_json",
        serde_json::to_string_pretty(&json).expect("JSON")
    );
    let csv = |more: &[&str]| alone.result(&[&DAY[..], &["-o", "csv"], more].concat());
    snapshot!("report_csv", csv(&[]).trim_end());
    snapshot!("report_csv_by_limit", csv(&["--by", "limit"]).trim_end());
}

#[test]
fn only_what_is_asked_for() {
    let alone = Alone::with_a_day();
    past::keep(
        alone.path(),
        "eth1",
        &[past::violation("203.0.113.5/32", 1, 9)],
    );
    let rows = |more: &[&str]| {
        let json = alone.json(&[&DAY[..], more].concat());
        let rows = json["violations"].as_array().expect("rows").iter();
        let brief = rows.map(|row| format!("{} {}", row["source"], row["refused"]["packets"]));
        brief.map(|row| row.replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(rows(&["--iface", "eth1"]), ["203.0.113.5/32 9"]);
    assert_eq!(
        rows(&["--source", "203.0.113.5"]),
        ["203.0.113.5/32 120", "203.0.113.5/32 9"]
    );
    assert_eq!(
        rows(&["--source", "203.0.113.5", "--by", "source"]),
        ["203.0.113.5/32 129"]
    );
    assert_eq!(
        rows(&["--plan", "pro"]),
        ["2001:db8:f:99::/64 600", "2001:db8:f:99::/64 600"]
    );
    assert_eq!(
        rows(&["--scope", "bulk", "--top", "1"]),
        ["2001:db8:f:99::/64 600"]
    );
    // Within the many that it was summed up with.
    assert_eq!(rows(&["--source", "192.0.2.7"]), ["192.0.2.0/24 800"]);
    let early = alone.json(&[
        "--since",
        "2026-11-20T00:00:00Z",
        "--until",
        "2026-11-20T00:06:00Z",
    ]);
    assert_eq!(early["totals"]["refused"]["packets"], 10);
    assert_eq!(early["totals"]["complete"], true);
    let earlier = alone.json(&[
        "--since",
        "2026-11-19T00:00:00Z",
        "--until",
        "2026-11-20T00:06:00Z",
    ]);
    assert_eq!(
        earlier["totals"]["history_since"],
        "2026-11-20T00:00:00.000Z"
    );
    assert_eq!(earlier["totals"]["complete"], false);
}

#[test]
fn a_page_is_replaced_in_one_step() {
    let alone = Alone::with_a_day();
    let page = alone.file("report.html");
    fs::write(&page, "before").expect("a file");
    let at = page.to_str().expect("a path");
    assert_eq!(alone.result(&[&DAY[..], &["--html", at]].concat()), "");
    let written = fs::read_to_string(&page).expect("the page");
    assert!(written.starts_with("<!doctype html>") && written.ends_with("</html>\n"));
    assert_eq!(
        alone.result(&[&DAY[..], &["--html", "-"]].concat()),
        written
    );
    let nowhere = alone.shown(&[&DAY[..], &["--html", "/nonexistent/report.html"]].concat());
    snapshot!("report_html_nowhere", nowhere);
}

#[test]
fn without_a_history_it_is_empty_and_says_so() {
    let alone = Alone::new();
    snapshot!("report_no_history", alone.shown(&DAY));
    let other = alone.say(&["--iface", "eth7", "-o", "json"]);
    assert_eq!(other.code(), Some(0));
    assert!(other.stderr.contains("no history of eth7"), "{other:?}");
    let json: Value = serde_json::from_str(&other.stdout).expect("JSON");
    assert_eq!(json["violations"], serde_json::json!([]));
    let page = alone.say(&["--html", "-"]);
    assert!(
        page.stdout.contains("Nothing was refused in this time"),
        "{page:?}"
    );
    // The daemon is just making it.
    fs::write(history::path(alone.path(), "eth0"), "").expect("a file");
    assert_eq!(alone.say(&[]).code(), Some(0));
}

#[test]
fn what_is_no_history_is_named() {
    let alone = Alone::new();
    let path = history::path(alone.path(), "eth0");
    fs::write(&path, "once upon a time\n".repeat(1_000)).expect("a file");
    snapshot!("report_damaged", alone.shown(&DAY));
    fs::remove_file(&path).expect("removed");
    let other = rusqlite::Connection::open(&path).expect("a database");
    other
        .execute_batch("CREATE TABLE stories (text TEXT)")
        .expect("a table");
    drop(other);
    snapshot!("report_foreign", alone.shown(&DAY));
}
