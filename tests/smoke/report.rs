//! What `cargo xtask kernels` records: a line of JSON a fact.

use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::{Value, json};

/// Appends a fact, in one write, to the file that `THROTTLER_SMOKE_REPORT` names; without it, to standard output.
pub(crate) fn note(name: &str, value: impl Into<Value>) {
    let line = format!("{}\n", json!({ name: value.into() }));
    let Some(path) = std::env::var_os("THROTTLER_SMOKE_REPORT") else {
        print!("{line}");
        return;
    };
    let file = OpenOptions::new().append(true).create(true).open(&path);
    file.and_then(|mut file| file.write_all(line.as_bytes()))
        .unwrap_or_else(|error| panic!("writing {}: {error}", path.display()));
}
