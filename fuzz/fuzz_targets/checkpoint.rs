#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    twinspire_train::internals::is_training_state(data);
});
