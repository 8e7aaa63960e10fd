//! What every system wants to see of its refusals: kept and queried, its operators told, and the limits as its application
//! sees them.

use std::{
    fs,
    net::IpAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    sources::{Family, source_text},
    system::{System, derived, policy},
};

const LONG: Duration = Duration::from_secs(20);

/// File of a policy; scope, port and limit, and how many connections that passes at once. All limits are slow enough for
/// the next to be refused.
const REFUSED: [(&str, &str, u16, &str, u64); 5] = [
    ("content-platform.toml", "ai_function", 8101, "requests", 10),
    ("tenant-plans.toml", "registration", 8205, "requests", 5),
    ("story-generator.toml", "auth", 8303, "requests", 3),
    ("health-analysis.toml", "assess", 8402, "anonymous", 5),
    ("assistant.toml", "assistant", 8501, "minute", 10),
];

fn rows(system: &System) -> Vec<Value> {
    let report = system
        .daemon
        .json(&["report", "-o", "json"])
        .expect("a report");
    report["violations"].as_array().expect("rows").clone()
}

#[test]
fn refusals_of_every_system_are_kept() {
    for (file, scope, port, limit, count) in REFUSED {
        let system = System::start("visible", file);
        for src in Family::BOTH.map(|family| family.stranger(7)) {
            let outcome = system.offer(src, scope, port, count + 3);
            let row = rows(&system)
                .into_iter()
                .find(|row| row["source"] == source_text(src));
            let row = row.unwrap_or_else(|| panic!("{file}: {src} is not in the report"));
            let brief = [
                &row["scope"],
                &row["limit"],
                &row["unit"],
                &row["refused"]["packets"],
            ];
            assert_eq!(
                brief.map(Value::clone),
                [
                    json!(scope),
                    json!(limit),
                    json!("connections"),
                    json!(outcome.dropped)
                ],
                "{file}"
            );
            let dropped = &system.bucket(src, scope)["dropped"];
            assert_eq!(
                &row["refused"], dropped,
                "packets and bytes, to the last: {file}"
            );
        }
    }
}

/// A command that keeps what it is told, a batch a line.
fn listener(system: &System) -> (PathBuf, PathBuf) {
    let place = |name: &str| system.daemon.policy_path().with_file_name(name);
    let (program, told) = (place("hook"), place("told"));
    let script = format!("#!/bin/sh\n{{ cat; echo; }} >> {}\n", told.display());
    fs::write(&program, script).expect("a hook");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    (program, told)
}

/// Waits until somebody has been told of a source and an event.
fn heard(told: &Path, src: IpAddr, event: &str) -> Value {
    let end = Instant::now() + LONG;
    loop {
        let text = fs::read_to_string(told).unwrap_or_default();
        let batches = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let alerts =
            batches.flat_map(|batch| batch["alerts"].as_array().cloned().unwrap_or_default());
        let mut ours =
            alerts.filter(|one| one["event"] == event && one["source"] == source_text(src));
        if let Some(found) = ours.next() {
            return found;
        }
        assert!(Instant::now() < end, "nobody is told of {event}: {text}");
        std::thread::yield_now();
    }
}

#[test]
fn tenants_are_told_at_four_fifths_and_when_refused() {
    // A small table is looked at more often.
    let text = policy("tenant-plans.toml");
    let small = derived(
        &text,
        "mode = \"enforce\"",
        "mode = \"enforce\"\nmax_sources = 1024",
    );
    let mut system = System::with_policy("b-notified", &small, &[]);
    let (program, told) = listener(&system);
    // The same notifications, to a command in the place of the application.
    let text = derived(
        &small,
        "webhook = \"http://127.0.0.1:8299/throttler\"",
        &format!("exec = [{program:?}]\nbatch = {{ within = \"1s\" }}"),
    );
    system.daemon.rewrite_policy(&text).expect("a policy");
    let reload = system.daemon.reload().expect("a reload");
    assert!(
        matches!(reload, throttler_lab::Reload::Applied(_)),
        "{reload:?}"
    );
    let src = Family::V4.stranger(9);
    // Four of five an hour; the sixth is refused.
    assert_eq!(system.offer(src, "registration", 8205, 4).passed, 4);
    let near = heard(&told, src, "near_limit");
    assert_eq!(
        ["scope", "limit", "rate", "share"].map(|key| near[key].clone()),
        [
            json!("registration"),
            json!("requests"),
            json!("5/hour"),
            json!(0.8)
        ]
    );
    assert_eq!(system.offer(src, "registration", 8205, 2).dropped, 1);
    let refused = heard(&told, src, "first_refusal");
    assert_eq!(refused["limit"], "requests", "{refused}");
    assert!(
        refused["retry_after_s"]
            .as_f64()
            .is_some_and(|wait| wait > 60.0),
        "{refused}"
    );
}
