//! Files of the user that are whole or not there.

#![expect(
    clippy::disallowed_methods,
    reason = "the file written here is the user's, not the database's"
)]

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A file beside the one that is asked for, gone when it is dropped before it took that one's place.
pub struct Next {
    path: PathBuf,
    target: PathBuf,
    file: File,
}

impl Next {
    /// Makes the file, empty.
    pub fn create(path: &Path) -> io::Result<Self> {
        if path.metadata().is_ok_and(|found| !found.is_file()) {
            // Such as /dev/null, in whose place a file would do harm.
            let what = "it is not a file that could be replaced; `>` writes into anything";
            return Err(io::Error::new(ErrorKind::AlreadyExists, what));
        }
        // Where a link leads, so that it goes on leading there.
        let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.next", std::process::id()));
        let path = target.with_file_name(name);
        let file = File::create_new(&path)?;
        Ok(Self { path, target, file })
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes the file durable, then visible under its name.
    pub fn put_in_place(self) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.path, &self.target)
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        // After the rename there is nothing of this name.
        let _ = std::fs::remove_file(&self.path);
    }
}
