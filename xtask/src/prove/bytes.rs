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
    let cases = effort.pick("2000", "20000");
    let requests = effort.pick("2000", "1000000");
    let frames = effort.pick("200000", "10000000");
    let mut steps = vec![
        tests("throttler-fuzz", "replay", &[], None),
        tests(
            "throttler-fuzz",
            "properties",
            &[],
            Some(("THROTTLER_CASES", cases)),
        ),
        tests(
            "throttler-fuzz",
            "properties",
            &["any_request"],
            Some(("THROTTLER_REQUESTS", requests)),
        ),
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
    ];
    if effort == Effort::Long {
        steps.push(Step::Work(fuzz::run));
    }
    steps
}
