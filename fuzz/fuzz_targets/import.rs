#![no_main]

// As for vectors: a contained panic of the `parquet` crate must not end the process.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| twinspire::fuzzing::import(data)
);
