//! libFuzzer over [`throttler_fuzz::api`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throttler_fuzz::api::run(bytes));
