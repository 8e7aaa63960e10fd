//! `figures::format`.

use crate::figures::format::*;

#[test]
fn digits_are_grouped_and_cut() {
    assert_eq!(thousands(0), "0");
    assert_eq!(thousands(1_000), "1,000");
    assert_eq!(thousands(100_000), "100,000");
    assert_eq!(thousands(1_048_576), "1,048,576");
    assert_eq!(
        (short(0.254), short(12.34), short(543.2)),
        ("0.25".into(), "12.3".into(), "543".into())
    );
    assert_eq!(percent(0.161), "16.1 %");
}
