//! Made-up towers, shops and plain models, shared by the tests and benchmarks of Twinspire.
//!
//! - [`towers`], [`deep`], [`plain`]: files of towers directories that compute something simple.
//! - [`shop`]: a shop in three spaces, and the plain model that a recall is compared with.
//! - [`vectors`]: generated sets of items and queries for benchmarks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test that fails may panic"
)]

pub mod deep;
pub mod plain;
pub mod shop;
pub mod towers;
pub mod vectors;

use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use twinspire::Towers;

/// A directory for a database, gone with the first value.
pub fn directory() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.twin");
    (dir, path)
}

/// Writes files below `dir`, in the place of what is there.
pub fn write(dir: &Path, files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        let mut file = tempfile::NamedTempFile::new_in(dir).unwrap();
        file.write_all(bytes).unwrap();
        file.persist(dir.join(name)).unwrap();
    }
}

/// The towers of [`towers::scaled`], opened from a directory.
pub fn scaled(scale: f32) -> Towers {
    towers_of(&towers::scaled(scale))
}

/// The towers of [`deep::files`], opened from a directory.
pub fn deep(seed: u8) -> Towers {
    towers_of(&deep::files(seed))
}

/// Towers of these files, opened from a directory.
pub fn towers_of(files: &[(String, Vec<u8>)]) -> Towers {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    Towers::open(dir.path()).unwrap()
}

/// An item with a price.
pub fn item(id: usize, price: usize) -> Value {
    json!({"id": format!("B{id:03}"), "price": price, "name": format!("thing {id}")})
}

/// The directory of the towers that other programs wrote.
pub fn tower_fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../towers/tests/fixtures")
}

/// The directory of the files of vectors that other programs wrote.
pub fn vector_fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../import/tests/fixtures")
}
