#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| twinspire::fuzzing::shard(data));
