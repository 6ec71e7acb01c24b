//! Towers give the vectors that an independent evaluator gives: `tests/fixtures/reference.py`, which knows
//! of them what storage-format.md says and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

use std::path::{Path, PathBuf};
use twinspire_towers::Towers;

/// The directories that `reference.py` wrote; those of ONNX models are `onnx.rs`'s.
fn directories() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let inside = std::fs::read_dir(root).unwrap();
    let paths = inside.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| !path.to_string_lossy().contains("onnx-"));
    let mut found: Vec<_> = paths
        .filter(|path| path.join("tower.json").exists())
        .collect();
    found.sort();
    found
}

#[test]
fn every_feature_and_layer_is_that_of_the_reference() {
    let directories = directories();
    assert!(directories.len() >= 12, "{directories:?}");
    for path in directories {
        let name = path.file_name().unwrap().to_str().unwrap();
        let towers = Towers::open(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let test = towers.self_test().unwrap();
        println!("{name}: {} records, {:.1e}", test.cases, test.difference);
        assert!(test.cases >= 4, "{name}: {test:?}");
        assert!(test.difference <= 1e-5, "{name}: {test:?}");
    }
}
