//! The proof of survival.

use super::{
    Effort,
    step::{Step, Tests},
};

pub(super) fn steps(effort: Effort) -> Vec<Step> {
    let settings = [
        ("THROTTLER_KILLS", effort.pick("10", "100")),
        // More than a start has: before each of them.
        ("THROTTLER_CALLS", effort.pick("10", "1000")),
        ("THROTTLER_RELOADS", effort.pick("10", "100")),
        ("THROTTLER_UPGRADES", effort.pick("3", "20")),
    ];
    vec![Step::Tests(Tests {
        package: "throttler-userspace",
        target: Some("survival"),
        filters: &[],
        settings: settings
            .map(|(name, value)| (name, value.to_owned()))
            .into(),
    })]
}
