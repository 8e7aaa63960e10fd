//! The dashboard and the alert rules that are shipped ask for what a running daemon exports, by these names and labels.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use throttler_common::Reason;

use crate::{
    http::ask,
    site::{FIVE_A_DAY, Site, address},
};

const FILES: [&str; 3] = [
    "packaging/grafana/throttler.json",
    "packaging/prometheus/throttler.rules.yml",
    "packaging/prometheus/throttler.rules.test.yml",
];

fn shipped(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    fs::read_to_string(root.expect("the workspace").join(file)).expect("a file")
}

/// The metrics that a text names, each with what stands in braces behind it.
fn asked(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\\\"", "\"");
    let mut found = Vec::new();
    for (at, _) in text.match_indices("throttler_") {
        let rest = &text[at..];
        let end = rest.find(|c: char| c != '_' && !c.is_ascii_lowercase());
        let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
        let labels = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        found.push((
            name.to_owned(),
            labels.map_or("", |(labels, _)| labels).to_owned(),
        ));
    }
    found
}

/// The names of labels in braces, with what they are compared to.
fn labels(braces: &str) -> Vec<(String, String)> {
    let parts = braces.split(',').filter(|part| !part.trim().is_empty());
    let part = |part: &str| {
        let (name, value) = part.split_once('=').expect("a label");
        let value = value.trim_start_matches(['=', '~', '!']).trim_matches('"');
        (
            name.trim_end_matches('!').trim().to_owned(),
            value.to_owned(),
        )
    };
    parts.map(part).collect()
}

#[test]
fn what_is_shipped_asks_for_what_is_exported() {
    let notify = "[[notify]]\nname = \"ops\"\nexec = [\"/bin/true\"]\n";
    let site = Site::start("monitoring", &format!("{FIVE_A_DAY}{notify}"), &[]);
    assert_eq!(site.offer(address("192.0.2.1"), 7), 5);
    let mut exported: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let text = ask(&site, "GET /metrics", "").body;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ") {
            let name = name.split(' ').next().expect("a name");
            exported.entry(name.to_owned()).or_default();
        } else if !line.starts_with('#') {
            let (name, braces) = asked(line).remove(0);
            let names = labels(&braces).into_iter().map(|(name, _)| name);
            exported.get_mut(&name).expect("a type").extend(names);
        }
    }
    assert!(exported.len() >= 15, "{exported:?}");
    // Prometheus adds the first itself.
    let known = |metric: &str, label: &str| label == "instance" || exported[metric].contains(label);
    let reasons: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let mut used = BTreeSet::new();
    for file in FILES {
        let all = asked(&shipped(file));
        assert!(all.len() > 10, "{file}");
        for (metric, braces) in all {
            assert!(exported.contains_key(&metric), "{file}: no metric {metric}");
            for (label, value) in labels(&braces) {
                assert!(
                    known(&metric, &label),
                    "{file}: {metric} has no label {label}"
                );
                if label == "reason" {
                    for reason in value.split('|') {
                        assert!(reasons.contains(reason), "{file}: no reason {reason}");
                    }
                }
            }
            used.insert(metric);
        }
    }
    let unused: Vec<&String> = exported
        .keys()
        .filter(|name| !used.contains(*name))
        .collect();
    assert!(unused.is_empty(), "nobody looks at {unused:?}");
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: serde_json::Value = serde_json::from_str(&shipped(FILES[0])).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut ids = BTreeSet::new();
    let mut taken = BTreeSet::new();
    for panel in panels {
        let title = panel["title"].as_str().expect("a title");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}");
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(x < 24 && taken.insert((x, y)), "{title} lies over another");
            }
        }
        let targets = panel["targets"].as_array().expect("targets");
        assert!(!targets.is_empty(), "{title}");
        for target in targets {
            assert!(
                target["expr"].as_str().is_some_and(|expr| !expr.is_empty()),
                "{title}"
            );
        }
    }
}
