//! The proof of bytes: whatever they are, nothing panics, and three readers of a frame agree on it.

mod fuzz;

use super::{
    Effort,
    step::{Step, Tests},
};

pub(super) fn steps(effort: Effort) -> Vec<Step> {
    let tests = |package, target, filters, setting: Option<(&'static str, &str)>| {
        let settings = setting.map(|(name, value)| (name, value.to_owned()));
        Step::Tests(Tests {
            package,
            target: Some(target),
            filters,
            settings: settings.into_iter().collect(),
        })
    };
    let frames = effort.pick("200000", "10000000");
    let mut steps = vec![
        tests("throttler-fuzz", "replay", &[], None),
        tests("throttler-fuzz", "large", &[], None),
        properties(effort),
        tests(
            "throttler-userspace",
            "differential",
            &[],
            Some(("THROTTLER_FRAMES", frames)),
        ),
        tests(
            "throttler-userspace",
            "datapath",
            &["frames::", "broken::"],
            None,
        ),
        tests("throttler-userspace", "end_to_end", &["odd_frames::"], None),
        tests(
            "throttler-userspace",
            "survival",
            &["bombard::"],
            Some(("THROTTLER_REQUESTS", effort.pick("300", "5000"))),
        ),
    ];
    if effort == Effort::Long {
        steps.push(Step::Work(fuzz::run));
    }
    steps
}

/// Made inputs, as many as are claimed. What is set already is kept, so that one target may be tried by itself.
fn properties(effort: Effort) -> Step {
    let cases = [
        ("THROTTLER_CASES", effort.pick("2000", "100000")),
        ("THROTTLER_CASES_API", effort.pick("2000", "1000000")),
        ("THROTTLER_CASES_POLICY", effort.pick("2000", "1000000")),
        ("THROTTLER_CASES_WIRE", effort.pick("2000", "1000000")),
    ];
    let unset = |(name, _): &(&str, &str)| std::env::var_os(name).is_none();
    let settings = cases.into_iter().filter(unset);
    let tests = Tests {
        package: "throttler-fuzz",
        target: Some("properties"),
        filters: &[],
        settings: settings
            .map(|(name, count)| (name, count.to_owned()))
            .collect(),
    };
    match effort {
        Effort::Short => Step::Tests(tests),
        Effort::Long => Step::Soak(tests),
    }
}
