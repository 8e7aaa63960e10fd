//! The proof of concurrency: models of the table's protocol, threads of the host, then CPUs on the kernel's table.

use super::{
    Effort,
    step::{Step, Tests},
};

pub(super) fn steps(effort: Effort) -> Vec<Step> {
    let long = |settings: &[(&'static str, &str)]| match effort {
        Effort::Short => Vec::new(),
        Effort::Long => settings
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
    };
    let of_common = |target, settings| {
        Step::Tests(Tests {
            package: "throttler-common",
            target: Some(target),
            filters: &[],
            settings,
        })
    };
    vec![
        // One more change of CPU everywhere, to as many orders as take minutes each.
        of_common(
            "loom",
            long(&[("THROTTLER_CHANGES", "1"), ("THROTTLER_ORDERS", "2000000")]),
        ),
        // Six shapes, half of the schedules random and half PCT: a million in all.
        of_common("shuttle", long(&[("THROTTLER_SCHEDULES", "90000")])),
        of_common("table", long(&[("PROPTEST_CASES", "100000")])),
        Step::Tests(Tests {
            package: "throttler-userspace",
            target: Some("datapath"),
            filters: &["table::", "contention::"],
            settings: long(&[("THROTTLER_ROUNDS", "1000000")]),
        }),
    ]
}
