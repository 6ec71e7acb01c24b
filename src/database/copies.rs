//! Snapshots of a database, and restoring one.

use super::Database;
use crate::error::Error;
use crate::maintain::{self, hold_files, is_gone};
use std::path::Path;

/// How often a reader tries again when the writer commits while it makes a snapshot.
const ATTEMPTS: usize = 64;

impl Database {
    /// Writes a snapshot into a directory that is absent or empty: a database of its own, with every
    /// acknowledged write and all kept generations. Puts wait while the journal is read; seals, merges
    /// and publishes wait to the end.
    ///
    /// Segments and towers are hard links where the file system has them, and copies elsewhere. They
    /// never change, and stay as long as one of the databases needs them. An interrupted snapshot is a
    /// directory without `CURRENT`, which is no database: remove it.
    ///
    /// # Errors
    /// [`Error::NotEmpty`], [`Error::Lost`] when the journal is damaged, and [`Error::Io`].
    pub fn snapshot(&self, directory: impl AsRef<Path>) -> Result<(), Error> {
        let target = directory.as_ref();
        if let Some(writing) = &self.writing {
            return maintain::copy(&self.live(), Some(writing), target);
        }
        let mut attempt = 0;
        loop {
            attempt += 1;
            let _held = hold_files(&self.live().directory)?;
            self.refresh()?;
            match maintain::copy(&self.live(), None, target) {
                // The writer sealed and unlinked the journal meanwhile.
                Err(Error::Lost { .. }) if attempt < ATTEMPTS => {}
                Err(error) if is_gone(&error) && attempt < ATTEMPTS => {}
                other => return other,
            }
        }
    }

    /// Restores a snapshot into a directory that is absent or empty, after a [check](Self::check) of
    /// every byte. The snapshot stays.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the snapshot is damaged; others as [`snapshot`](Self::snapshot) and
    /// [`open_read_only`](Self::open_read_only).
    pub fn restore(snapshot: impl AsRef<Path>, directory: impl AsRef<Path>) -> Result<(), Error> {
        let from = Self::open_read_only(snapshot)?;
        if let Some(problem) = from.check()?.problems.into_iter().next() {
            return Err(Error::corrupt(&problem.file, problem.section, problem.what));
        }
        from.snapshot(directory)
    }
}
