//! The proof of floods.

use super::{
    Effort,
    step::{Step, Tests},
};

pub(super) fn steps(effort: Effort) -> Vec<Step> {
    let settings = [
        ("THROTTLER_SPOOFED", effort.pick("1000000", "10000000")),
        ("THROTTLER_HONEST", "1000"),
        // As shipped in the long one: a smaller flood would not press such a table for long.
        ("THROTTLER_MAX_SOURCES", effort.pick("65536", "262144")),
    ];
    vec![Step::Tests(Tests {
        package: "throttler-userspace",
        target: Some("floods"),
        filters: &[],
        settings: settings
            .map(|(name, value)| (name, value.to_owned()))
            .into(),
    })]
}
