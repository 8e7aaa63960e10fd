//! libFuzzer over [`throttler_fuzz::policy`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throttler_fuzz::policy::run(bytes));
