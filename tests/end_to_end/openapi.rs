//! `docs/openapi.json` is held to the routes.

use std::{fs, path::Path};

use serde_json::Value;
use throttler::daemon::control;

/// The file.
pub(crate) fn document() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let text = fs::read_to_string(path).expect("the file");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_file_names_the_routes_and_no_others() {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let mut written: Vec<(&str, Vec<&str>)> = paths
        .iter()
        .map(|(path, item)| {
            let mut methods: Vec<&str> = item
                .as_object()
                .expect("methods")
                .keys()
                .map(String::as_str)
                .collect();
            methods.sort_unstable();
            (path.as_str(), methods)
        })
        .collect();
    written.sort();
    let served: Vec<_> = control::PATHS
        .into_iter()
        .map(|(path, methods)| (path, methods.to_vec()))
        .collect();
    assert_eq!(written, served);
}

#[test]
fn the_file_says_which_paths_need_the_token() {
    let document = document();
    assert_eq!(
        document["components"]["securitySchemes"]["token"]["scheme"],
        "bearer"
    );
    assert_eq!(document["security"], serde_json::json!([{ "token": [] }]));
    let paths = document["paths"].as_object().expect("paths");
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("methods") {
            let open = operation["security"] == serde_json::json!([]);
            assert_eq!(
                open,
                control::OPEN.contains(&path.as_str()),
                "{method} {path}"
            );
        }
    }
}

/// Holds an answer against a schema of the file.
pub(crate) fn assert_is(schema: &str, answer: &Value) {
    let mut whole = document();
    whole["$ref"] = format!("#/components/schemas/{schema}").into();
    let validator = jsonschema::draft202012::new(&whole).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(answer)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{answer:#}");
}
