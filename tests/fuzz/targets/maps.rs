//! libFuzzer over [`throttler_fuzz::maps`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throttler_fuzz::maps::run(bytes));
