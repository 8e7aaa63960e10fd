//! The abuse log of the daemon's standard error, as text and as JSON lines.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    sources::{Family, source_text},
    system::{System, policy},
};

const LONG: Duration = Duration::from_secs(10);

/// One refusal's fields.
pub(crate) type Fields = BTreeMap<String, String>;

/// Waits for the first line of a source's refusals in a scope, in the text format.
pub(crate) fn refusal(system: &System, src: IpAddr, scope: &str) -> Fields {
    let wanted = format!(
        " refused iface=veth-s source={} scope={scope} ",
        source_text(src)
    );
    let line = system
        .daemon
        .wait_stderr(0, &wanted, LONG)
        .expect("a refusal");
    fields(&line).expect("a refusal")
}

/// The fields of a text line that tells of a refusal, its time among them.
fn fields(line: &str) -> Option<Fields> {
    let (head, rest) = line.split_once(" refused ")?;
    let mut fields: Fields = rest
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let time = head.split_whitespace().next()?;
    fields.insert("time".to_owned(), time.to_owned());
    Some(fields)
}

/// The same of a JSON line.
fn json_fields(line: &str) -> Option<Fields> {
    let object: Value =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON ({error}): {line}"));
    if object["message"] != "refused" {
        return None;
    }
    let plain = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let object = object.as_object()?;
    Some(
        object
            .iter()
            .map(|(key, value)| (key.clone(), plain(value)))
            .collect(),
    )
}

/// Two sources in two scopes are refused for some seconds: each pair is told of at most once a second, in full.
fn assert_told_once_a_second(extra: &[&str], read: fn(&str) -> Option<Fields>) {
    let system = System::with_policy("abuse-log", &policy("content-platform.toml"), extra);
    let free = Family::V4.member(1, 5);
    let stranger = Family::V6.stranger(5);
    let pairs = [
        (free, "ai_function", 8101, 10, "free", "10/min"),
        (free, "auth_strict", 8106, 5, "free", "5/min"),
        (stranger, "ai_function", 8101, 10, "-", "10/min"),
        (stranger, "auth_strict", 8106, 5, "-", "5/min"),
    ];
    for (src, scope, port, count, _, _) in pairs {
        assert_eq!(system.offer(src, scope, port, count).dropped, 0);
    }
    // Several refusals within each second, until each pair's second line is due.
    let started = Instant::now();
    let mut offered = [0; 4];
    while started.elapsed() < Duration::from_millis(1300) {
        for ((src, scope, port, ..), offered) in pairs.iter().zip(&mut offered) {
            *offered += system.offer(*src, scope, *port, 3).dropped;
        }
    }
    // A third line is due a second after the second: it tells of all the rest.
    for ((src, scope, port, _, plan, rate), offered) in pairs.into_iter().zip(offered) {
        let told = last_of(&system, read, src, scope, port, offered);
        let times: Vec<jiff::Timestamp> = told
            .iter()
            .map(|line| line["time"].parse().expect("a time"))
            .collect();
        for pair in times.windows(2) {
            // Times are printed in whole milliseconds.
            let between = pair[1].duration_since(pair[0]).as_millis();
            assert!(between >= 999, "{between} ms between lines: {told:?}");
        }
        for line in &told {
            assert_eq!(
                (&*line["plan"], &*line["limit"], &*line["rate"]),
                (plan, "requests", rate)
            );
            assert_eq!(
                (&*line["reason"], &*line["iface"]),
                ("over_limit", "veth-s")
            );
            let retry: f64 = line["retry_after_s"].parse().expect("seconds");
            assert!(retry > 0.0 && retry <= 12.0, "{line:?}");
        }
        let refused: u64 = told
            .iter()
            .map(|line| line["refused"].parse::<u64>().expect("a count"))
            .sum();
        let last = &told.last().expect("a line")["refused_total"];
        assert_eq!(
            refused.to_string(),
            *last,
            "each refusal is told of once: {told:?}"
        );
    }
}

/// The lines of one pair, once one of them tells of at least `wanted` refusals in all.
fn last_of(
    system: &System,
    read: fn(&str) -> Option<Fields>,
    src: IpAddr,
    scope: &str,
    port: u16,
    wanted: u64,
) -> Vec<Fields> {
    let source = source_text(src);
    let end = Instant::now() + LONG;
    loop {
        let lines = system.daemon.stderr_lines();
        let told: Vec<Fields> = lines
            .iter()
            .filter_map(|line| read(line))
            .filter(|line| line["source"] == source && line["scope"] == scope)
            .collect();
        let total = |line: &Fields| line["refused_total"].parse::<u64>().expect("a count");
        if told.last().is_some_and(|line| total(line) > wanted) {
            return told;
        }
        assert!(Instant::now() < end, "{wanted} are not told of: {told:#?}");
        system.offer(src, scope, port, 1);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn refusals_are_told_once_a_second_as_text() {
    assert_told_once_a_second(&[], fields);
}

#[test]
fn refusals_are_told_once_a_second_as_json() {
    assert_told_once_a_second(&["--log-format", "json"], json_fields);
}
