//! The proof of concurrency.

use super::{
    Effort,
    step::{Step, Tests},
};

pub(super) fn steps(_: Effort) -> Vec<Step> {
    vec![Step::Tests(Tests {
        package: "throttler-common",
        target: Some("loom"),
        filters: &[],
        settings: Vec::new(),
    })]
}
