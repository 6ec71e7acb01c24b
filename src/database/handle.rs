//! The handle of an open database: seal, merge and collect.

use crate::error::Error;
use crate::maintain::{self, Background, Extent, Writing};
use crate::snapshot::Live;
use arc_swap::ArcSwap;
use std::path::PathBuf;
use std::sync::Arc;
use twinspire_core::ids::Revision;

/// An open database: one directory on disk.
///
/// One process writes; any number of processes read at the same time. A reader sees what was
/// acknowledged when it opened the database, until it [refreshes](Self::refresh). Threads can share a handle;
/// recalls never wait for writes.
///
/// A handle open for writing has a background thread that [seals](Self::seal) and [merges](Self::merge)
/// once enough has been written; see [`OpenOptions::background`](crate::OpenOptions::background).
///
/// Files are memory-mapped: another program that truncates one while the database is open can crash this
/// process. Replace files by rename, and copy only closed databases.
pub struct Database {
    /// Replaced as a whole by a refresh.
    pub(super) live: ArcSwap<Live>,
    /// The writer; `None` in a handle open for reading only.
    pub(super) writing: Option<Arc<Writing>>,
    pub(super) background: Option<Background>,
}

impl Database {
    /// Seals the journal: moves every write acknowledged so far into immutable segments. Returns the revision
    /// up to which everything is sealed.
    ///
    /// The records become one items segment; their vectors, with a graph over them, one segment in each
    /// space. Puts and recalls continue meanwhile. A publish seals first, and so does the background thread
    /// once enough has been written. If the items or a space have more than eight segments then, those that
    /// are [due](Self::merge) are merged before this returns.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be written. No write is lost then.
    pub fn seal(&self) -> Result<Revision, Error> {
        maintain::seal(&self.live(), self.writing()?)
    }

    /// Merges the items segments into one, and the segments of each space's active generation into one. This
    /// frees the space of overwritten and deleted items.
    ///
    /// Puts and recalls continue meanwhile. Records are streamed; the vectors and the graph of one space at a time
    /// are held in memory. The background thread merges as well, once newer segments together hold as many
    /// rows as an older one still has live, or a fraction of them where there would be more than eight
    /// segments.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be written. No write is lost then.
    pub fn merge(&self) -> Result<(), Error> {
        maintain::merge(&self.live(), self.writing()?, Extent::All)
    }

    /// Unlinks files that nothing needs any more and returns their paths: leftovers of a crash, and replaced
    /// files that a reader was opening at the time. Seals, merges and publishes collect as well.
    ///
    /// # Errors
    /// [`Error::Io`] when a directory cannot be read. A file that cannot be removed stays until the next
    /// collection.
    pub fn collect(&self) -> Result<Vec<PathBuf>, Error> {
        maintain::collect(&self.live(), self.writing()?)
    }

    /// The paths that [`collect`](Self::collect) would unlink.
    ///
    /// # Errors
    /// As [`collect`](Self::collect).
    pub fn garbage(&self) -> Result<Vec<PathBuf>, Error> {
        maintain::garbage(&self.live(), self.writing()?)
    }

    /// The directory of the database.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.live().directory.root.clone()
    }

    /// The state that this handle sees now.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.load_full()
    }

    /// The writer.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] in a handle open for reading only.
    pub(crate) fn writing(&self) -> Result<&Writing, Error> {
        self.writing.as_deref().ok_or(Error::ReadOnly)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The background thread ends first: it may be sealing.
        self.background = None;
        if let Some(writing) = &self.writing {
            writing.close();
        }
    }
}
