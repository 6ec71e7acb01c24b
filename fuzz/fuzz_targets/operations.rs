#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    twinspire::fuzzing::operations(data).expect("a call that must not fail");
});
