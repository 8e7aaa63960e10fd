//! The pure parts of `benches/datapath`: benchmarks have a `main` of their own, and so no tests.

#[path = "../../benches/datapath/figures/mod.rs"]
mod figures;
mod format;
mod json;
mod markdown;
mod sample;
mod svg;
mod table;
mod targets;
mod zipf;
