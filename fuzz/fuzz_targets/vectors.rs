#![no_main]

// libFuzzer's hook ends the process at every panic, also those of the `parquet` crate that are caught;
// without it, it ends at those that are not.
libfuzzer_sys::fuzz_target!(
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| twinspire::fuzzing::vectors(data)
);
