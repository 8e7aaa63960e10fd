//! Targets from a small report.

use crate::figures::targets::*;
use crate::sample;

fn find(targets: &[Target], figure: &str) -> Target {
    let found = targets.iter().find(|target| target.figure.contains(figure));
    found.expect("a target").clone()
}

#[test]
fn ratios_are_of_net_costs_and_bounds_have_a_side() {
    let targets = targets(&sample::report());
    // 60 net of 100, against 40 net of 50.
    let known = find(&targets, "one entry");
    assert_eq!(known.measured, Some(60.0 / 50.0));
    assert_eq!(known.reached(), Some(true));
    let dearer = find(&targets, "own net of 1,000,000");
    assert_eq!(
        (dearer.measured, dearer.reached()),
        (Some(2.0), Some(false))
    );
    let live = find(&targets, "XDP_DROP alone's");
    assert_eq!((live.measured, live.reached()), (Some(0.5), Some(false)));
}

#[test]
fn what_was_not_measured_is_neither_reached_nor_missed() {
    let mut report = sample::report();
    report.costs.clear();
    report.live.clear();
    let targets = targets(&report);
    assert_eq!(find(&targets, "one entry").reached(), None);
    assert_eq!(find(&targets, "XDP_DROP alone's").reached(), None);
}
