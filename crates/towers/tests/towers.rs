//! Towers give the vectors of an independent evaluator, `tests/fixtures/reference.py`, which was written from
//! storage-format.md alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

use std::path::{Path, PathBuf};
use twinspire_towers::Towers;

/// The directories that `reference.py` wrote. Those with ONNX models are tested in `tests/onnx.rs` of the root package.
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
fn every_feature_and_layer_matches_the_reference() {
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
