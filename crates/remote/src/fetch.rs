//! Fetching one epoch into a directory, without following.

use crate::cache::{Cache, Held, Lease};
use crate::error::RemoteError;
use crate::head::Head;
use crate::heads;
use crate::remote::Remote;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use twinspire::Database;
use twinspire_core::files::{FileSystem, OsFiles};

/// A fetch to be run; made by [`Remote::fetch`].
#[derive(Debug)]
#[must_use = "a fetch does nothing until `run`"]
pub struct Fetch<'a> {
    remote: &'a Remote,
    directory: PathBuf,
    epoch: Option<u64>,
    keep: Option<usize>,
    files: Arc<dyn FileSystem>,
}

impl Remote {
    /// Makes one epoch available as a read-only database in a directory, which may hold several epochs side by side:
    /// they share files by hard links.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let db = twinspire::Database::open(dir.path().join("shop.twin"))?;
    /// # let replica = dir.path().join("replica");
    /// # let remote = twinspire_remote::Remote::memory()?;
    /// # remote.push(&db).run()?;
    /// let fetched = remote.fetch(replica).epoch(1).run()?;
    /// let db = fetched.open()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fetch(&self, directory: impl Into<PathBuf>) -> Fetch<'_> {
        Fetch {
            remote: self,
            directory: directory.into(),
            epoch: None,
            keep: None,
            files: Arc::new(OsFiles::MAPPED),
        }
    }
}

impl Fetch<'_> {
    /// The epoch; the newest one unless set. One that is in the directory already needs no store.
    pub fn epoch(mut self, epoch: u64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Removes other epochs from the directory until it has this many, but none that somebody uses. Without it all
    /// stay.
    pub fn keep(mut self, epochs: usize) -> Self {
        self.keep = Some(epochs.max(1));
        self
    }

    /// Does all work on files by another file system, for tests that interrupt it.
    #[doc(hidden)]
    pub fn files(mut self, files: Arc<dyn FileSystem>) -> Self {
        self.files = files;
        self
    }

    /// Fetches what is missing, and verifies every byte of the epoch.
    ///
    /// # Errors
    /// [`RemoteError::UnknownEpoch`], [`RemoteError::Empty`], [`RemoteError::Damaged`] with the object,
    /// [`RemoteError::Store`], [`RemoteError::OtherStore`]. What was fetched stays, and a later fetch goes on from there.
    pub fn run(self) -> Result<Fetched, RemoteError> {
        let cache = Cache::open(self.files, &self.directory, self.remote)?;
        let known = match self.epoch {
            Some(epoch) => cache.head(self.remote, epoch)?,
            None => None,
        };
        let head = match known {
            Some(head) => head,
            None => self.remote.block_on(|| find(self.remote, self.epoch))??,
        };
        let held = cache.hold(self.remote, head)?;
        if let Some(keep) = self.keep {
            cache.evict(self.remote, keep)?;
        }
        Ok(Fetched::of(held))
    }
}

/// The head of an epoch, or the newest one.
async fn find(remote: &Remote, epoch: Option<u64>) -> Result<Head, RemoteError> {
    let empty = || RemoteError::Empty {
        store: remote.name().to_owned(),
    };
    let Some(epoch) = epoch else {
        return heads::newest(remote).await?.ok_or_else(empty);
    };
    match heads::read(remote, epoch).await {
        Err(error) if error.is_missing() => {
            let epochs = remote.epochs().await?;
            match (epochs.first(), epochs.last()) {
                (Some(oldest), Some(newest)) => Err(RemoteError::UnknownEpoch {
                    store: remote.name().to_owned(),
                    epoch,
                    oldest: *oldest,
                    newest: *newest,
                }),
                _ => Err(empty()),
            }
        }
        head => head,
    }
}

/// An epoch in a directory. It is not removed from there until this is dropped.
#[derive(Debug)]
pub struct Fetched {
    head: Head,
    path: PathBuf,
    fetched_files: usize,
    fetched_bytes: u64,
    _lease: Lease,
}

impl Fetched {
    pub(crate) fn of(held: Held) -> Self {
        Self {
            head: held.head,
            path: held.path,
            fetched_files: held.fetched_files,
            fetched_bytes: held.fetched_bytes,
            _lease: held.lease,
        }
    }

    /// The number of the epoch.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.head.epoch
    }

    /// What the epoch consists of.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The directory of the database, to be opened read-only.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Number of files that were fetched; 0 if the epoch was here.
    #[must_use]
    pub fn fetched_files(&self) -> usize {
        self.fetched_files
    }

    /// Bytes that were fetched.
    #[must_use]
    pub fn fetched_bytes(&self) -> u64 {
        self.fetched_bytes
    }

    /// Opens the database read-only, and compares it with the head.
    ///
    /// # Errors
    /// [`RemoteError::Database`] and [`RemoteError::Mismatch`].
    pub fn open(&self) -> Result<Database, RemoteError> {
        self.checked(Database::open_read_only(&self.path)?)
    }

    /// [`open`](Self::open) that shares with an earlier epoch what both have.
    pub(crate) fn open_after(&self, before: &Database) -> Result<Database, RemoteError> {
        self.checked(before.open_beside(&self.path)?)
    }

    /// Compares the spaces of a database with the head.
    fn checked(&self, database: Database) -> Result<Database, RemoteError> {
        let mismatch = |what: String| RemoteError::Mismatch {
            epoch: self.epoch(),
            path: self.path.clone(),
            what,
        };
        let names = database.spaces();
        if !names.iter().eq(self.head.spaces.keys()) {
            let named: Vec<&String> = self.head.spaces.keys().collect();
            return Err(mismatch(format!(
                "it has the spaces {names:?}, not {named:?}"
            )));
        }
        for (name, space) in &self.head.spaces {
            let generations = database.generations(name)?;
            let active = generations.iter().find(|generation| generation.active);
            let found = active.map(|active| (active.number.0, active.towers_hash));
            if found != Some((space.generation, space.towers)) {
                return Err(mismatch(format!(
                    "space {name:?} serves another generation or other towers"
                )));
            }
        }
        Ok(database)
    }
}
