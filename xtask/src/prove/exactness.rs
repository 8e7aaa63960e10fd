//! The proof of exactness.

use super::{
    Effort,
    step::{Step, Tests},
};

pub(super) fn steps(_: Effort) -> Vec<Step> {
    vec![Step::Tests(Tests {
        package: "throttler-userspace",
        target: Some("datapath"),
        filters: &[],
        settings: Vec::new(),
    })]
}
