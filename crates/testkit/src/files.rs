//! Scratch directories, files written whole, and the fixtures of the other crates.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A scratch directory, removed when the first value is dropped, and the path of a database in it.
pub fn directory() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.twin");
    (dir, path)
}

/// Writes a file into `dir` and returns its path. A file of that name is replaced whole, so that a mapping of it stays
/// valid.
pub fn write_file(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let mut file = tempfile::NamedTempFile::new_in(dir).unwrap();
    file.write_all(bytes.as_ref()).unwrap();
    let path = dir.join(name);
    file.persist(&path).unwrap();
    path
}

/// Writes several files into `dir`, given as name and content, as [`write_file`] does.
pub fn write_files(dir: &Path, files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        write_file(dir, name, bytes);
    }
}

/// The total size of all files below a directory, in bytes.
pub fn bytes_below(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let sizes = entries.map(|entry| {
        let metadata = entry.metadata().unwrap();
        match metadata.is_dir() {
            true => bytes_below(&entry.path()),
            false => metadata.len(),
        }
    });
    sizes.sum()
}

/// The directory of towers written by other programs, such as PyTorch.
pub fn tower_fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../towers/tests/fixtures")
}

/// The directory of vector files written by other programs, such as NumPy and Arrow.
pub fn vector_fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../import/tests/fixtures")
}
