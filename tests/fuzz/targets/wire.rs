//! libFuzzer over [`throttler_fuzz::wire`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throttler_fuzz::wire::run(bytes));
