//! libFuzzer over [`throttler_fuzz::list`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throttler_fuzz::list::run(bytes));
