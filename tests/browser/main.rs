//! x
#[path = "../harness/past.rs"]
mod past;
