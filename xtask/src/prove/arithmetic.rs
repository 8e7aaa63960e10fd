//! The proof of arithmetic: from a rate as written to fixed point, and the datapath's steps with it.

use super::{
    Effort,
    step::{Step, Tests},
};

pub(super) fn steps(effort: Effort) -> Vec<Step> {
    let steps = effort.pick(200_000_u64, 10_000_000).to_string();
    let rates = effort.pick(20_000_u64, 1_000_000).to_string();
    vec![
        Step::Tests(Tests {
            package: "throttler-common",
            target: Some("arithmetic"),
            filters: &[],
            settings: vec![("THROTTLER_CASES", steps)],
        }),
        Step::Tests(Tests {
            package: "throttler-userspace",
            target: Some("arithmetic"),
            filters: &[],
            settings: vec![("THROTTLER_CASES", rates)],
        }),
        Step::Tests(Tests {
            package: "throttler-common",
            target: None,
            filters: &["gcra::", "ban::", "charge::", "class::"],
            settings: Vec::new(),
        }),
        Step::Tests(Tests {
            package: "throttler-userspace",
            target: None,
            filters: &["fixed_point::", "bounds::", "rate::", "share::"],
            settings: Vec::new(),
        }),
    ]
}
