//! The facade: handles, options and locks. What they do is done by `recall` and `maintain`.

mod inspect;
mod items;
mod open;
mod recall;
mod spaces;
mod towers;

pub use inspect::{Problem, Report, SpaceStats, Stats};
pub use items::Items;
pub use open::OpenOptions;
pub use recall::{Batch, Recall};
pub use spaces::{GenerationInfo, Progress, PublishOptions};
pub use towers::Towers;

use crate::error::Error;
use crate::ids::Revision;
use crate::maintain::{self, Writer};
use crate::snapshot::Live;
use std::path::Path;
use std::sync::Mutex;

/// A database in a directory.
///
/// One process at a time may write, and any number may read beside it. A handle can be shared by
/// threads; readers do not wait for writers.
///
/// The files are mapped: another program that cuts one of them short while the database is open
/// can end this process. Replace files by rename, and copy databases that are closed.
pub struct Database {
    live: Live,
    writing: Option<Writing>,
}

/// What only a database open for writing has.
struct Writing {
    writer: Mutex<Writer>,
    /// Held by the one publish that may run at a time.
    publisher: Mutex<()>,
    _lock: Box<dyn Send + Sync>,
}

impl Database {
    /// Opens the database in the directory `path` for reading and writing, making it if it is not
    /// there.
    ///
    /// # Errors
    /// [`Error::Locked`] when another writer has it open, [`Error::NotADatabase`] when the
    /// directory holds something else, [`Error::Corrupt`] naming the file and the part of it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::options().open(path)
    }

    /// Opens the database in the directory `path` for reading, whether another process writes to it
    /// or not. It stays as it was at that moment: open it again to see what was written since.
    ///
    /// # Errors
    /// [`Error::NoDatabase`] when there is none; others as [`open`](Self::open).
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::options().read_only(true).open(path)
    }

    /// How to open a database, one choice at a time.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::default()
    }

    /// The items of the database.
    pub fn items(&self) -> Items<'_> {
        Items::new(self)
    }

    /// Moves every acknowledged write out of the journal into an immutable segment; gives the
    /// revision up to which everything is sealed. A publish does so by itself.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be written. Nothing is lost then, but the handle has to be
    /// opened again to write.
    pub fn seal(&self) -> Result<Revision, Error> {
        let mut writer = maintain::lock(&self.writing()?.writer)?;
        maintain::seal(&self.live, &mut writer)
    }

    fn writing(&self) -> Result<&Writing, Error> {
        self.writing.as_ref().ok_or(Error::ReadOnly)
    }
}

#[cfg(test)]
mod tests;
