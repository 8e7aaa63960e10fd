//! The source table over memory of the host: one CPU against a slow model, several against its promises.

mod charges;
mod host;
mod model;
mod place;
#[expect(dead_code, reason = "shared with tests/loom")]
#[path = "../support/policy.rs"]
mod policy;
mod sequences;
#[path = "../support/source.rs"]
mod source;
mod stress;
#[path = "../support/valid.rs"]
mod valid;
