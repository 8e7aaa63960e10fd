//! The proof of bytes.

use super::{
    Effort,
    step::{Step, Tests},
};

pub(super) fn steps(effort: Effort) -> Vec<Step> {
    vec![Step::Tests(Tests {
        package: "throttler-userspace",
        target: Some("differential"),
        filters: &[],
        settings: vec![(
            "THROTTLER_FRAMES",
            effort.pick("200000", "10000000").to_owned(),
        )],
    })]
}
