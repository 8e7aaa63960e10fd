//! The table that is printed, and `docs/kernels.{json,md}`.

use std::{fs, process::Command};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    LOWEST,
    debian::output,
    verdict::{Outcome, Verdict},
};
use crate::workspace::Workspace;

const HEADINGS: [&str; 8] = [
    "kernel",
    "Debian package",
    "verdict",
    "steps of `throttler`",
    "steps of `throttler_at`",
    "load, ms",
    "attached",
    "missing",
];

/// What the terminal shows: columns apart, a kernel a line.
pub(super) fn table(outcomes: &[Outcome]) -> String {
    let mut rows = vec![HEADINGS.map(|heading| heading.replace('`', ""))];
    rows.extend(outcomes.iter().map(row));
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let line = |row: &[String; 8]| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(outcome: &Outcome) -> [String; 8] {
    let fact = |name: &str| match outcome.facts.get(name) {
        Some(Value::Number(number)) => number.to_string(),
        _ => "-".to_owned(),
    };
    let attached: Vec<&str> = attached(outcome);
    let missing = match missing(outcome) {
        list if !list.is_empty() => list.join("; "),
        _ if outcome.verdict == Verdict::Passed => "nothing".to_owned(),
        _ => "-".to_owned(),
    };
    let or_none = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    [
        outcome.release.clone(),
        outcome
            .package
            .clone()
            .unwrap_or_else(|| "(running)".to_owned()),
        outcome.verdict.as_str().to_owned(),
        fact("steps_throttler"),
        fact("steps_throttler_at"),
        fact("load_ms_throttler"),
        or_none(attached.join(", ")),
        missing,
    ]
}

fn attached(outcome: &Outcome) -> Vec<&'static str> {
    let modes = ["native", "generic"].into_iter();
    modes
        .filter(|mode| outcome.facts.get(*mode) == Some(&Value::Bool(true)))
        .collect()
}

fn missing(outcome: &Outcome) -> Vec<String> {
    let list = outcome.facts.get("missing").and_then(Value::as_array);
    let texts = list.into_iter().flatten().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

/// Replaces what the repository keeps; of a run in which all was as promised.
pub(super) fn write(workspace: &Workspace, outcomes: &[Outcome]) -> Result<()> {
    let date = output(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let date = date.trim();
    let json =
        serde_json::to_string_pretty(&document(outcomes, date)).context("cannot write JSON")?;
    for (name, text) in [
        ("kernels.json", json + "\n"),
        ("kernels.md", markdown(outcomes, date)),
    ] {
        let path = workspace.root.join("docs").join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn document(outcomes: &[Outcome], date: &str) -> Value {
    let kernel = |outcome: &Outcome| {
        let fact = |name: &str| outcome.facts.get(name).cloned().unwrap_or_default();
        json!({
            "kernel": outcome.release,
            "debian_package": outcome.package,
            "emulated": outcome.package.is_some(),
            "verdict": outcome.verdict.as_str(),
            "verifier_steps": { "throttler": fact("steps_throttler"), "throttler_at": fact("steps_throttler_at") },
            "load_ms": { "throttler": fact("load_ms_throttler"), "throttler_at": fact("load_ms_throttler_at") },
            "attached": attached(outcome),
            "decisions": fact("decisions"),
            "missing": missing(outcome),
            "refusal": refusal(outcome),
            "seconds": outcome.time.as_secs(),
        })
    };
    json!({
        "schema_version": 1,
        "command": "cargo xtask kernels",
        "date": date,
        "lowest": format!("{}.{}", LOWEST.0, LOWEST.1),
        "kernels": outcomes.iter().map(kernel).collect::<Vec<_>>(),
    })
}

/// The sentence alone: before it stands the interface that a test made.
fn refusal(outcome: &Outcome) -> Option<&str> {
    let text = outcome.facts.get("refusal")?.as_str()?;
    text.find("this kernel").map(|at| &text[at..])
}

fn markdown(outcomes: &[Outcome], date: &str) -> String {
    let (version, level) = LOWEST;
    let mut text = format!(
        "# Kernels

Made by `cargo xtask kernels` on {date}; do not edit. The lowest supported kernel is Linux {version}.{level}: the lowest that
the smoke test (`tests/smoke`) passes on. It loads both programs, asks for one decision of each kind at chosen times, and
has the daemon enforce, reload, restart and detach on a veth pair with real packets, in native and in generic mode. A
kernel below must refuse in a sentence that says what is missing.

*Steps* are the instructions that the verifier looked at, of a million allowed. *Load* is opening the maps and verifying
and compiling `throttler`; where a Debian package is named, on a processor that qemu emulates, tens of times slower than
a real one: good for comparing these kernels with each other, and for nothing else.

"
    );
    let line = |cells: &[String; 8]| format!("| {} |\n", cells.join(" | "));
    text += &line(&HEADINGS.map(str::to_owned));
    text += "|---|---|---|--:|--:|--:|---|---|\n";
    text.extend(outcomes.iter().map(|outcome| line(&row(outcome))));
    for outcome in outcomes {
        if let Some(refusal) = refusal(outcome) {
            text += &format!(
                "\nWhat `throttler run` says on Linux {}:\n\n> {refusal}\n",
                outcome.release
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn outcome(verdict: Verdict, facts: Value) -> Outcome {
        Outcome {
            release: "6.1.0-1-cloud-amd64".to_owned(),
            package: Some("6.1.9-1".to_owned()),
            verdict,
            facts: facts.as_object().cloned().unwrap_or_default(),
            time: Duration::from_secs(5),
        }
    }

    #[test]
    fn what_was_reported_is_what_is_recorded() {
        let passed = outcome(
            Verdict::Passed,
            json!({"steps_throttler": 471, "steps_throttler_at": 472, "load_ms_throttler": 9, "native": true}),
        );
        let cells = row(&passed);
        assert_eq!(
            cells[2..],
            ["passed", "471", "472", "9", "native", "nothing"].map(str::to_owned)
        );
        let kept = document(&[passed], "2027-01-01");
        assert_eq!(kept["kernels"][0]["verifier_steps"]["throttler"], 471);
        assert_eq!(kept["date"], "2027-01-01");
    }

    #[test]
    fn the_record_that_is_kept_is_of_this_lowest_kernel() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/kernels.json");
        let text = fs::read_to_string(path).expect("the record");
        let kept: Value = serde_json::from_str(&text).expect("JSON");
        let lowest = format!("{}.{}", LOWEST.0, LOWEST.1);
        assert_eq!(kept["lowest"], *lowest, "run `cargo xtask kernels`");
        let kernels = kept["kernels"].as_array().expect("kernels");
        let with = |verdict: Verdict, version: &str| {
            let is = |kernel: &&Value| {
                let release = kernel["kernel"].as_str().unwrap_or_default();
                kernel["verdict"] == verdict.as_str() && release.starts_with(version)
            };
            kernels.iter().filter(is).count()
        };
        assert_eq!(with(Verdict::Passed, &format!("{lowest}.")), 1, "{kept:#}");
        assert!(with(Verdict::Refused, "") >= 1, "{kept:#}");
        assert_eq!(with(Verdict::Failed, ""), 0, "{kept:#}");
    }

    #[test]
    fn a_refusal_is_quoted_without_the_tests_own_names() {
        let old = outcome(
            Verdict::Refused,
            json!({"missing": ["a (Linux 5.12)"], "refusal": "error: cannot protect veth-s: this kernel (Linux 5) x"}),
        );
        assert_eq!(
            row(&old)[6..],
            ["-".to_owned(), "a (Linux 5.12)".to_owned()]
        );
        let text = markdown(&[old], "2027-01-01");
        assert!(
            text.contains("\n> this kernel (Linux 5) x\n") && !text.contains("veth-s:"),
            "{text}"
        );
    }
}
