//! Starting a follower, and its handle.

use super::background::Background;
use super::epoch::Epoch;
use super::shared::{self, Shared};
use super::status::{Lag, Status};
use crate::cache::Cache;
use crate::error::RemoteError;
use crate::remote::Remote;
use arc_swap::ArcSwap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use twinspire::Database;
use twinspire_core::files::{FileSystem, OsFiles};

/// How often a follower looks for a new head unless told otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);

/// A follower to be started; made by [`Remote::follow`].
#[derive(Debug)]
#[must_use = "a follower does nothing until `start`"]
pub struct Follow<'a> {
    remote: &'a Remote,
    directory: PathBuf,
    interval: Option<Duration>,
    files: Arc<dyn FileSystem>,
}

impl Remote {
    /// Follows the store: serves its newest epoch from a directory, and flips to each newer one.
    pub fn follow(&self, directory: impl Into<PathBuf>) -> Follow<'_> {
        Follow {
            remote: self,
            directory: directory.into(),
            interval: Some(DEFAULT_INTERVAL),
            files: Arc::new(OsFiles::MAPPED),
        }
    }
}

impl Follow<'_> {
    /// How often to look for a new head, [`DEFAULT_INTERVAL`] unless set. After failures the follower waits longer, up
    /// to a minute or this interval.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = Some(interval);
        self
    }

    /// Starts no thread: the follower looks for a new head when [`Follower::poll`] is called.
    pub fn manual(mut self) -> Self {
        self.interval = None;
        self
    }

    /// Does all work on files by another file system, for tests that interrupt it.
    #[doc(hidden)]
    pub fn files(mut self, files: Arc<dyn FileSystem>) -> Self {
        self.files = files;
        self
    }

    /// Fetches and opens the newest epoch. If that fails, the newest epoch that is in the directory is opened and
    /// [`Follower::lag`] has the error.
    ///
    /// # Errors
    /// What the fetch fails with, when the directory holds no epoch either: as [`Fetch::run`](crate::Fetch::run) and
    /// [`Fetched::open`](crate::Fetched::open).
    pub fn start(self) -> Result<Follower, RemoteError> {
        let cache = Cache::open(Arc::clone(&self.files), &self.directory, self.remote)?;
        let status = Status::new(self.files, &self.directory, self.remote.name());
        let epoch = match shared::newest(self.remote, &cache, &status, None) {
            Ok(epoch) => epoch,
            Err(error) => match shared::last(self.remote, &cache) {
                // The directory fails too, or has nothing: the first error is the cause.
                Err(_) | Ok(None) => return Err(error),
                Ok(Some(epoch)) => {
                    status.failed(&error);
                    Some(epoch)
                }
            },
        };
        let epoch = epoch.ok_or_else(|| RemoteError::Empty {
            store: self.remote.name().to_owned(),
        })?;
        status.serves(epoch.number());
        let shared = Arc::new(Shared {
            remote: self.remote.clone(),
            cache,
            current: ArcSwap::from_pointee(epoch),
            status,
            polling: Mutex::new(()),
        });
        shared.tidy();
        shared.status.save();
        let background = match self.interval {
            Some(interval) => Some(Background::start(Arc::clone(&shared), interval)?),
            None => None,
        };
        Ok(Follower { shared, background })
    }
}

/// A replica of a database that follows a store. Threads can share it.
pub struct Follower {
    shared: Arc<Shared>,
    background: Option<Background>,
}

impl Follower {
    /// The epoch that is served now. Hold it for as long as answers must be of one epoch.
    #[must_use]
    pub fn current(&self) -> Arc<Epoch> {
        self.shared.current.load_full()
    }

    /// The database of the epoch that is served now.
    #[must_use]
    pub fn database(&self) -> Arc<Database> {
        Arc::clone(self.current().database())
    }

    /// The number of the epoch that is served now.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.current.load().number()
    }

    /// How far the follower is behind the store, as of its last look.
    #[must_use]
    pub fn lag(&self) -> Lag {
        self.shared.status.lag()
    }

    /// Looks for a new head now, and flips to it. Returns whether it flipped.
    ///
    /// # Errors
    /// As [`Follow::start`]; the served epoch goes on.
    pub fn poll(&self) -> Result<bool, RemoteError> {
        self.shared.poll()
    }

    /// The address of the store.
    #[must_use]
    pub fn store(&self) -> &str {
        self.shared.remote.name()
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Follower({}, epoch {})", self.store(), self.epoch())
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.shared.cache.close();
        // Waits for the thread.
        self.background = None;
    }
}
