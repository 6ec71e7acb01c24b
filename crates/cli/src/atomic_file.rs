//! A file that appears whole under its name, or not at all.

#![expect(
    clippy::disallowed_methods,
    reason = "the file is the user's, not the database's"
)]

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A temporary file in the directory of the target. [`commit`](Self::commit) renames it over the target.
/// Dropped without a commit, it is removed.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    target: PathBuf,
    file: File,
}

impl AtomicFile {
    /// Creates the new file, empty.
    pub fn create(path: &Path) -> io::Result<Self> {
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            // Such as /dev/null: renaming a file over it would break the system.
            let reason = "it is no regular file and cannot be replaced; use `>` to write into it";
            return Err(io::Error::new(ErrorKind::AlreadyExists, reason));
        }
        // A symbolic link stays: the file it points to is replaced.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.next", std::process::id()));
        let path = target.with_file_name(name);
        let file = File::create_new(&path)?;
        Ok(Self { path, target, file })
    }

    /// The new file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Syncs the new file, then renames it over the target.
    pub fn commit(self) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.path, &self.target)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // After a commit no file has this name.
        let _ = std::fs::remove_file(&self.path);
    }
}
