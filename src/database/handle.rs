//! The handle of an open database.

use crate::error::Error;
use crate::maintain::{self, Background, Extent, Writing};
use crate::snapshot::Live;
use arc_swap::ArcSwap;
use std::path::PathBuf;
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
    pub(super) live: ArcSwap<Live>,
    pub(super) writing: Option<Arc<Writing>>,
    pub(super) background: Option<Background>,
}

impl Database {
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
