//! Files for the tests of this crate.

use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes a file into `dir` and returns its path.
pub(crate) fn write_file(dir: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let mut file = tempfile::NamedTempFile::new_in(dir).unwrap();
    file.write_all(bytes.as_ref()).unwrap();
    let path = dir.join(name);
    file.persist(&path).unwrap();
    path
}
