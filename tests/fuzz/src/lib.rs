//! Functions from bytes to nothing, which panic where something does not hold that must hold for any bytes.
//!
//! libFuzzer calls them (`targets/`), and so do ordinary tests: over the corpora and the crashers that are committed
//! beside this crate, and over inputs that proptest makes. Overflow checks are on wherever they run.
//!
//! `cargo xtask prove bytes --long` runs the fuzzer; what it finds worth keeping lies in `target/fuzz/corpus/`, and the
//! smallest inputs that cover as much are had by its own `-set_cover_merge=1`. An input that made a target panic is put
//! into `crashers/`; it stays there, under a name that says what it showed.

pub mod api;
pub mod bytes;
pub mod decide;
pub mod frames;
mod harness;
pub mod list;
pub mod made;
pub mod maps;
pub mod policies;
pub mod policy;
pub mod rates;
pub mod wire;

/// A function from bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in `corpus/` and `crashers/`.
pub const TARGETS: [(&str, Target); 7] = [
    ("api", api::run),
    ("decide", decide::run),
    ("list", list::run),
    ("maps", maps::run),
    ("policy", policy::run),
    ("rates", rates::run),
    ("wire", wire::run),
];
