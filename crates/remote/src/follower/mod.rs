//! Following a store: a database that flips from epoch to epoch while it serves.
//!
//! ```text
//! newest head ─ fetch what is missing ─ verify ─ open beside the served epoch ─ swap ─ forget old epochs
//!        └ on any failure the served epoch goes on, and `lag` says why ──────┘
//! ```
//! - `status` holds how far behind the follower is, and its state file.
//! - `background` is the thread that polls.
//!
//! Readers take the current epoch with one atomic load and never wait. Whoever holds an [`Epoch`] goes on with it: its
//! files stay until it is dropped.

mod background;
mod status;

pub use status::{FollowState, Lag};

use crate::cache::Cache;
use crate::error::RemoteError;
use crate::fetch::Fetched;
use crate::head::Head;
use crate::heads;
use crate::remote::Remote;
use arc_swap::ArcSwap;
use background::Background;
use status::Status;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use twinspire::Database;
use twinspire_core::files::{FileSystem, OsFiles};

/// How often a follower looks for a new head unless told otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
/// Number of epochs that stay in the directory besides those in use.
const KEEP: usize = 1;

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
    /// [`Fetched::open`].
    pub fn start(self) -> Result<Follower, RemoteError> {
        let cache = Cache::open(Arc::clone(&self.files), &self.directory, self.remote)?;
        let status = Status::new(self.files, &self.directory, self.remote.name());
        let epoch = match newest(self.remote, &cache, &status, None) {
            Ok(epoch) => epoch,
            Err(error) => match last(self.remote, &cache) {
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

/// One epoch, open: every answer of its database is of this epoch. Its files stay until it is dropped.
pub struct Epoch {
    database: Arc<Database>,
    fetched: Fetched,
}

impl Epoch {
    /// Its number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.fetched.epoch()
    }

    /// Its database, read-only. A clone of the pointer may outlive the epoch on systems that allow open files to be
    /// unlinked.
    #[must_use]
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// What it consists of.
    #[must_use]
    pub fn head(&self) -> &Head {
        self.fetched.head()
    }

    /// The directory of its database.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.fetched.path()
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({})", self.number())
    }
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

/// What the handle and the thread share.
struct Shared {
    remote: Remote,
    cache: Cache,
    current: ArcSwap<Epoch>,
    status: Status,
    /// One poll at a time.
    polling: Mutex<()>,
}

impl Shared {
    fn poll(&self) -> Result<bool, RemoteError> {
        let _polling = self.polling.lock().unwrap_or_else(PoisonError::into_inner);
        let current = self.current.load_full();
        let looked = newest(&self.remote, &self.cache, &self.status, Some(&current));
        drop(current);
        let flipped = match looked {
            Ok(Some(epoch)) => {
                self.status.serves(epoch.number());
                self.current.store(Arc::new(epoch));
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.status.failed(&error);
                self.status.save();
                return Err(error);
            }
        };
        // Also without a flip: an epoch that somebody held may be free now.
        self.tidy();
        self.status.save();
        Ok(flipped)
    }

    /// Removes old epochs. What fails is tried again at the next poll.
    fn tidy(&self) {
        if let Err(error) = self.cache.evict(&self.remote, KEEP) {
            log::warn!("old epochs are not removed: {error}");
        }
    }
}

/// The newest epoch of the store, open; `None` if it is the `served` one, or if the store is empty and none is served.
fn newest(
    remote: &Remote,
    cache: &Cache,
    status: &Status,
    served: Option<&Epoch>,
) -> Result<Option<Epoch>, RemoteError> {
    let epochs = remote.block_on(|| remote.epochs())??;
    let number = served.map_or(0, Epoch::number);
    let Some(newest) = epochs.last().copied() else {
        return match served {
            None => Ok(None),
            Some(_) => Err(RemoteError::Empty {
                store: remote.name().to_owned(),
            }),
        };
    };
    status.looked(
        newest,
        epochs.iter().filter(|epoch| **epoch > number).count(),
    );
    if newest == number {
        return Ok(None);
    }
    if newest < number {
        return Err(RemoteError::WentBack {
            store: remote.name().to_owned(),
            newest,
            served: number,
        });
    }
    let head = remote.block_on(|| heads::newest(remote))??;
    let Some(head) = head.filter(|head| head.epoch > number) else {
        return Ok(None);
    };
    status.behind_since(head.created_unix_ms);
    open(Fetched::of(cache.hold(remote, head)?), served).map(Some)
}

/// The newest epoch that is in the directory, without the store; `None` if there is none that can be used.
fn last(remote: &Remote, cache: &Cache) -> Result<Option<Epoch>, RemoteError> {
    for epoch in cache.epochs()?.into_iter().rev() {
        let Some(head) = cache.head(remote, epoch)? else {
            continue;
        };
        let opened = cache
            .hold(remote, head)
            .and_then(|held| open(Fetched::of(held), None));
        match opened {
            Ok(epoch) => return Ok(Some(epoch)),
            Err(error) => log::warn!("epoch {epoch} cannot be served: {error}"),
        }
    }
    Ok(None)
}

/// Opens an epoch whose files are verified, and all its towers, so that no recall waits for them.
fn open(fetched: Fetched, before: Option<&Epoch>) -> Result<Epoch, RemoteError> {
    let database = match before {
        Some(before) => fetched.open_after(&before.database)?,
        None => fetched.open()?,
    };
    let pinned = database.pin();
    for space in database.spaces() {
        // Any question about the towers reads them. Towers that this build cannot use leave their space unserved, as in
        // any database.
        if let Err(error) = pinned.reads_user_field(&space, "") {
            let epoch = fetched.epoch();
            log::warn!("space {space:?} of epoch {epoch} is not served: {error}");
        }
    }
    drop(pinned);
    Ok(Epoch {
        database: Arc::new(database),
        fetched,
    })
}
