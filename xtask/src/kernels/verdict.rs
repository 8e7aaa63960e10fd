//! What became of one kernel, judged by the smoke test's report.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::{
    DEADLINE,
    debian::Image,
    guest::{self, Ended},
    is_supported,
    programs::Programs,
};

/// What a supported kernel must have reported.
const FACTS: [&str; 8] = [
    "steps_throttler",
    "steps_throttler_at",
    "load_ms_throttler",
    "load_ms_throttler_at",
    "features",
    "decisions",
    "native",
    "generic",
];
/// The same of one that must refuse.
const REFUSAL_FACTS: [&str; 2] = ["missing", "refusal"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The smoke test passed.
    Passed,
    /// Too old, and refused as it should be.
    Refused,
    /// Neither.
    Failed,
}

impl Verdict {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::Failed => "FAILED",
        }
    }
}

/// One kernel.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    pub(super) release: String,
    /// Version of its Debian package; none for the running kernel.
    pub(super) package: Option<String>,
    pub(super) verdict: Verdict,
    /// All that the smoke test reported.
    pub(super) facts: Map<String, Value>,
    /// From the start to the end, boot included.
    pub(super) time: Duration,
}

impl Outcome {
    pub(super) fn of_guest(image: &Image, ended: &Ended, time: Duration) -> Self {
        let facts = facts(&ended.report);
        let mut why = judge(&facts, is_supported(&image.release));
        if facts.get("release").and_then(Value::as_str) != Some(&*image.release) {
            why = why.or_else(|| Some("another kernel reported than was to be booted".to_owned()));
        }
        if ended.late {
            why = Some(format!("it hung, and was killed after {DEADLINE:?}"));
        }
        Self::new(
            &image.release,
            Some(image.version.clone()),
            facts,
            why,
            &ended.console,
            time,
        )
    }

    /// Runs the smoke test right here.
    pub(super) fn of_host(work: &Path, programs: &Programs) -> Result<Self> {
        let release = fs::read_to_string("/proc/sys/kernel/osrelease")
            .context("cannot read the running release")?;
        let release = release.trim();
        let report = work.join("running.report");
        fs::write(&report, "").with_context(|| format!("cannot write {}", report.display()))?;
        let begin = Instant::now();
        let mut smoke = Command::new(&programs.smoke);
        smoke
            .args(guest::smoke_arguments(release))
            .env("THROTTLER_SMOKE_REPORT", &report);
        let output = throttler_lab::run(&mut smoke, DEADLINE)?;
        let time = begin.elapsed();
        let text = fs::read_to_string(&report)
            .with_context(|| format!("cannot read {}", report.display()))?;
        let mut facts = facts(&text);
        facts.insert("exit".to_owned(), output.code().into());
        let why = judge(&facts, is_supported(release));
        let said = format!("{}{}", output.stdout, output.stderr);
        // What names the build says nothing to others.
        let number = release.split(['-', '+']).next().unwrap_or(release);
        Ok(Self::new(number, None, facts, why, &said, time))
    }

    fn new(
        release: &str,
        package: Option<String>,
        facts: Map<String, Value>,
        why: Option<String>,
        said: &str,
        time: Duration,
    ) -> Self {
        let verdict = match why {
            Some(why) => {
                eprintln!("kernels: Linux {release}: {why}; the last that was said:\n{said}");
                Verdict::Failed
            }
            None if is_supported(release) => Verdict::Passed,
            None => Verdict::Refused,
        };
        Self {
            release: release.to_owned(),
            package,
            verdict,
            facts,
            time,
        }
    }
}

/// Lines of JSON objects, as one. A line that is none, of a guest that was killed, is left out.
fn facts(report: &str) -> Map<String, Value> {
    let lines = report
        .lines()
        .filter_map(|line| serde_json::from_str::<Map<_, _>>(line.trim()).ok());
    lines.flatten().collect()
}

/// Why these facts will not do; none if they will.
fn judge(facts: &Map<String, Value>, supported: bool) -> Option<String> {
    match facts.get("exit").and_then(Value::as_i64) {
        Some(0) => {}
        Some(status) => return Some(format!("the smoke test failed (exit status {status})")),
        None => return Some("the smoke test did not come to an end".to_owned()),
    }
    // A test that was left out must not look like one that passed.
    let wanted = if supported {
        &FACTS[..]
    } else {
        &REFUSAL_FACTS
    };
    let absent: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|name| !facts.contains_key(*name))
        .collect();
    (!absent.is_empty()).then(|| format!("the smoke test did not report {}", absent.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(names: &[&str]) -> String {
        let lines = names.iter().map(|name| format!("{{\"{name}\":1}}\r\n"));
        lines.chain(["{\"exit\": 0}\n".to_owned()]).collect()
    }

    #[test]
    fn only_a_whole_report_of_a_success_will_do() {
        let supported = |text: &str| judge(&facts(text), true);
        assert_eq!(supported(&whole(&FACTS)), None);
        let failed = supported(&whole(&FACTS).replace("\"exit\": 0", "\"exit\": 101"));
        assert!(failed.is_some_and(|why| why.contains("101")));
        let left_out = supported(&whole(&FACTS[1..]));
        assert!(left_out.is_some_and(|why| why.contains("steps_throttler")));
        assert!(supported("").is_some_and(|why| why.contains("end")));
        assert!(supported("{\"exit\": 0").is_some());
    }

    #[test]
    fn an_old_kernel_must_refuse_and_nothing_else() {
        let old = |text: &str| judge(&facts(text), false);
        assert_eq!(old(&whole(&REFUSAL_FACTS)), None);
        assert!(old(&whole(&FACTS)).is_some_and(|why| why.contains("refusal")));
    }
}
