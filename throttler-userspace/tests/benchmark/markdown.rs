//! `figures::markdown`.

use crate::figures::markdown::*;
use crate::{figures::targets::targets, sample};

#[test]
fn the_page_begins_with_the_targets_and_names_what_is_missing() {
    let report = sample::report();
    let page = render(&report, &targets(&report));
    let (before, after) = page.split_once("## Cost of a packet").expect("a section");
    assert!(before.contains("| ≤ 1.30 | 1.20 | yes |"), "{before}");
    assert!(before.contains("| ≤ 1.60 | 2.00 | **no** |"), "{before}");
    assert!(before.contains("not measured"), "{before}");
    assert!(after.contains("| 100 | 40 | 60 | 2.50 |"), "{after}");
    assert!(after.contains("not measured: no package"), "{after}");
    assert!(
        after.contains("| 1,000 | 3.50 | 99.0 % | 283 | 0.1 % |"),
        "{after}"
    );
    assert!(
        after.contains("| 750 | 16.0 % | 40.0 | – | 1 of 10 |"),
        "{after}"
    );
}
