//! `figures::json`.

use crate::figures::json::*;
use serde_json::{Value, json};

use crate::{figures::targets::targets, sample};

#[test]
fn rows_have_their_figures_or_the_reason_why_not() {
    let report = sample::report();
    let text = render(&report, &targets(&report));
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["schema_version"], SCHEMA_VERSION);
    let first = &document["datapath"][0];
    assert_eq!(
        (&first["net_ns"], &first["ratio_to_floor"]),
        (&json!(60), &json!(2.5))
    );
    let absent = &document["datapath"][5];
    assert_eq!(
        (&absent["net_ns"], &absent["missing"]),
        (&Value::Null, &json!("no package"))
    );
    assert_eq!(
        document["fixed_rate_flood"][0]["honest_p99_us"],
        Value::Null
    );
    assert_eq!(document["targets"][0]["reached"], true);
}
