//! Whether Throttler works on this kernel: loaded, attached and exercised, in a minute. `cargo xtask test` runs it on
//! the running kernel, `cargo xtask kernels` the same binary on others under qemu. Needs root.
//!
//! With `THROTTLER_SMOKE_REPORT` set, what is worth recording is appended to that file.

#[expect(dead_code, unused_imports, reason = "the datapath tests use the rest")]
#[path = "../harness/mod.rs"]
mod harness;
#[expect(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../end_to_end/site.rs"]
mod site;

mod decisions;
mod live;
mod loading;
mod refused;
mod report;
