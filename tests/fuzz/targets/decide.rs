//! libFuzzer over [`throttler_fuzz::decide`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throttler_fuzz::decide::run(bytes));
