#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinspire_remote::fuzzing::head(data));
