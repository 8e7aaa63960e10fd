//! libFuzzer over [`throttler_fuzz::rates`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throttler_fuzz::rates::run(bytes));
