//! The proof of exactness: random policies, arrivals and reloads against exact fractions, then two CPUs at full speed.

use super::{
    Effort,
    step::{Step, Tests},
};

pub(super) fn steps(effort: Effort) -> Vec<Step> {
    let number = |short: u64, long: u64| effort.pick(short, long).to_string();
    vec![
        Step::Tests(Tests {
            package: "throttler-userspace",
            target: Some("exactness"),
            filters: &[],
            settings: vec![
                ("THROTTLER_POLICIES", number(48, 2_500)),
                ("THROTTLER_ARRIVALS", number(2_000, 4_000)),
                ("THROTTLER_PACKETS", number(200_000, 10_000_000)),
            ],
        }),
        // By hand, where the expected numbers can be seen.
        Step::Tests(Tests {
            package: "throttler-userspace",
            target: Some("datapath"),
            filters: &[
                "exactness::",
                "reference::",
                "bucket::",
                "contention::",
                "generations::",
                "global::two_cpus",
                "temporary::",
            ],
            settings: Vec::new(),
        }),
    ]
}
