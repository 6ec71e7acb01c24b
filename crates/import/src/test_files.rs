//! Files for the tests of this crate.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A directory with these files, removed with the guard.
pub(crate) fn directory(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        write_file(dir.path(), name, bytes);
    }
    dir
}

/// Writes a file into `dir` and returns its path.
pub(crate) fn write_file(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let mut file = tempfile::NamedTempFile::new_in(dir).unwrap();
    file.write_all(bytes.as_ref()).unwrap();
    let path = dir.join(name);
    file.persist(&path).unwrap();
    path
}
