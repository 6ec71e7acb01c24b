//! The facade: handles, options and locks. What they do is done by `recall` and `maintain`.

mod audit;
mod check;
mod copies;
mod ensembles;
mod export;
mod fused;
mod inspect;
mod items;
mod mine;
mod open;
mod pin;
mod recall;
mod repair;
mod spaces;
mod towers;

pub use check::{CheckProblem, CheckReport};
pub use ensembles::Ensembles;
pub use export::{Export, ExportedItem};
pub use inspect::{DatabaseStats, SpaceStats};
pub use items::Items;
pub use mine::{DEFAULT_NEGATIVE_RANKS, DEFAULT_NEGATIVES_PER_PAIR, MinedPairs, Miner};
pub use open::OpenOptions;
pub use pin::Pinned;
pub use recall::{BatchRecall, Recall};
pub use repair::RepairReport;
pub use spaces::{GenerationInfo, Progress, PublishOptions, RollbackOptions};
use twinspire_towers::Towers;

use crate::error::Error;
use crate::maintain::{self, Background, Extent, Writing};
use crate::snapshot::Live;
use arc_swap::ArcSwap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire_core::ids::Revision;

/// A database in a directory.
///
/// One process at a time may write, and any number may read beside it: they see what had been
/// acknowledged when they opened it, and move on with [`refresh`](Self::refresh). A handle can be
/// shared by threads; readers do not wait for writers.
///
/// A database open for writing has a thread that [seals](Self::seal) and [merges](Self::merge) when
/// enough has been written; see [`OpenOptions::background`].
///
/// The files are mapped: another program that cuts one of them short while the database is open
/// can end this process. Replace files by rename, and copy databases that are closed.
pub struct Database {
    /// Replaced whole by a refresh.
    live: ArcSwap<Live>,
    writing: Option<Arc<Writing>>,
    background: Option<Background>,
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
    /// or not. It stays as it was at that moment until [`refresh`](Self::refresh).
    ///
    /// Damage in the journal is no error here: what can be read is served, and
    /// [`check`](Self::check) tells what cannot.
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

    /// Moves every write acknowledged so far out of the journal into immutable segments: the records
    /// into one, their vectors and a graph over them into one for each space. Gives the revision up
    /// to which everything is sealed. Puts and recalls go on meanwhile. A publish does so by itself,
    /// and the background once enough has been written.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be written; nothing is lost then.
    pub fn seal(&self) -> Result<Revision, Error> {
        maintain::seal(&self.live(), self.writing()?)
    }

    /// Merges the segments of the items into one, and those of the active generation of each space:
    /// what was overwritten or deleted takes no room any more. Puts and recalls go on meanwhile. The
    /// background merges too, whenever newer segments outweigh what is left of an older one.
    ///
    /// The records are streamed; the vectors of a space and its graph are held in memory.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be written; nothing is lost then.
    pub fn merge(&self) -> Result<(), Error> {
        maintain::merge(&self.live(), self.writing()?, Extent::All)
    }

    /// Unlinks the files that nothing needs any more, such as those that a reader was just opening
    /// when they were replaced, and what a crash left behind; gives their paths. Seals, merges and
    /// publishes do so by themselves.
    ///
    /// # Errors
    /// [`Error::Io`] when a directory cannot be read. A file that cannot be removed is left for the
    /// next time.
    pub fn collect(&self) -> Result<Vec<PathBuf>, Error> {
        maintain::collect(&self.live(), self.writing()?)
    }

    /// What [`collect`](Self::collect) would remove.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub fn garbage(&self) -> Result<Vec<PathBuf>, Error> {
        maintain::garbage(&self.live(), self.writing()?)
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    pub(crate) fn writing(&self) -> Result<&Writing, Error> {
        self.writing.as_deref().ok_or(Error::ReadOnly)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The thread first: it may be sealing.
        self.background = None;
        if let Some(writing) = &self.writing {
            writing.close();
        }
    }
}

#[cfg(test)]
mod tests;
