//! The golden database, in memory.

use crate::database::Database;
use crate::error::Error;
use crate::store::Directory;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use twinspire_core::files::MemoryFiles;

/// Files of a database, by their paths in it.
pub(super) type Files = BTreeMap<PathBuf, Vec<u8>>;

/// A space of the golden database.
pub(super) const SPACE: &str = "things";
/// A space of the golden database with vectors in half precision.
pub(super) const HALVES: &str = "halves";

/// Files as a database directory.
pub(super) fn load(files: &Files) -> Directory {
    let memory = MemoryFiles::default();
    let root = Path::new("hostile.twin");
    for (path, bytes) in files {
        memory.put(&root.join(path), bytes);
    }
    Directory {
        files: Arc::new(memory),
        root: root.to_owned(),
    }
}

/// Opens a database in a directory.
pub(super) fn open(directory: Directory, read_only: bool) -> Result<Database, Error> {
    let options = Database::options().read_only(read_only).background(false);
    options.open_on(directory.files, &directory.root)
}

/// The files of the golden database.
pub(super) fn golden() -> Files {
    static GOLDEN: OnceLock<Files> = OnceLock::new();
    let read = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1");
        let mut files = Files::new();
        let mut left = vec![root.clone()];
        while let Some(path) = left.pop() {
            if let Ok(entries) = std::fs::read_dir(&path) {
                left.extend(entries.flatten().map(|entry| entry.path()));
            } else if let (Ok(bytes), Ok(name)) = (std::fs::read(&path), path.strip_prefix(&root)) {
                files.insert(name.to_owned(), bytes);
            }
        }
        files
    };
    GOLDEN.get_or_init(read).clone()
}
