//! The directory of a replica: verified objects, and epochs made of them by hard links.
//!
//! ```text
//! replica/
//!   STORE                  the address of the store that all of this comes from
//!   LOCK                   locked while the directory changes
//!   objects/99aa…          verified bytes, read-only
//!   partial/99aa…          a download under way, which is continued after an interruption
//!   heads/0…42.json        the head of an epoch that is here
//!   epochs/42/             a database directory; read-only, of hard links to the objects
//!   leases/42              locked shared by everyone who uses the epoch
//!   follow.json            what a follower serves, for `stats`
//! ```
//! An epoch is here if both its head and its directory are: the directory gets its name last and loses it first. Several
//! processes may share a replica; each verifies what it uses.

mod build;
mod download;
mod evict;
mod lease;

pub(crate) use lease::Lease;

use crate::checksum::Checksum;
use crate::error::RemoteError;
use crate::head::Head;
use crate::heads;
use crate::remote::Remote;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use twinspire_core::files::{FileSystem, IoAction, LockMode};

const STORE: &str = "STORE";
const LOCK: &str = "LOCK";
const OBJECTS: &str = "objects";
const PARTIAL: &str = "partial";
const HEADS: &str = "heads";
const EPOCHS: &str = "epochs";
const LEASES: &str = "leases";

/// How often a locked directory is tried again.
const WAIT: Duration = Duration::from_millis(20);

/// The directory of a replica.
#[derive(Debug)]
pub(crate) struct Cache {
    files: Arc<dyn FileSystem>,
    root: PathBuf,
    /// Objects whose bytes this process has compared with their checksum.
    verified: Mutex<BTreeSet<Checksum>>,
    /// Set to end a call early.
    closed: AtomicBool,
}

/// An epoch that is here, and what it took to fetch it.
pub(crate) struct Held {
    pub(crate) head: Head,
    pub(crate) path: PathBuf,
    pub(crate) lease: Lease,
    pub(crate) fetched_files: usize,
    pub(crate) fetched_bytes: u64,
}

impl Cache {
    /// Opens a directory, which is made if it is absent, for epochs of this store.
    pub(crate) fn open(
        files: Arc<dyn FileSystem>,
        root: &Path,
        remote: &Remote,
    ) -> Result<Self, RemoteError> {
        let cache = Self {
            files,
            root: root.to_owned(),
            verified: Mutex::default(),
            closed: AtomicBool::new(false),
        };
        for name in ["", OBJECTS, PARTIAL, HEADS, EPOCHS, LEASES] {
            let path = match name {
                "" => root.to_owned(),
                name => root.join(name),
            };
            let made = cache.files.create_dir_all(&path);
            made.map_err(RemoteError::file(IoAction::CreateDirectory, &path))?;
        }
        let _lock = cache.lock()?;
        let path = root.join(STORE);
        match cache.files.read(&path) {
            Ok(bytes) if !bytes.is_empty() => {
                let found = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                if found != remote.name() {
                    let (path, asked) = (root.to_owned(), remote.name().to_owned());
                    return Err(RemoteError::OtherStore { path, found, asked });
                }
            }
            Ok(_) => cache.replace(&path, format!("{}\n", remote.name()).as_bytes())?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                cache.replace(&path, format!("{}\n", remote.name()).as_bytes())?;
            }
            Err(error) => return Err(RemoteError::file(IoAction::Read, &path)(error)),
        }
        Ok(cache)
    }

    /// Makes calls under way, and all later ones, end with [`RemoteError::Closed`].
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    fn check_closed(&self) -> Result<(), RemoteError> {
        match self.closed.load(Ordering::Relaxed) {
            true => Err(RemoteError::Closed),
            false => Ok(()),
        }
    }

    /// The head of an epoch that is here.
    pub(crate) fn head(&self, remote: &Remote, epoch: u64) -> Result<Option<Head>, RemoteError> {
        let path = self.head_path(epoch);
        let listed = self.list(&self.epoch_path(epoch))?;
        match self.files.read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RemoteError::file(IoAction::Read, &path)(error)),
            Ok(_) if listed.is_empty() => Ok(None),
            // A damaged copy counts as none: the store has another.
            Ok(bytes) => Ok(heads::decode(remote, epoch, &bytes).ok()),
        }
    }

    /// The epochs that are here, oldest first.
    pub(crate) fn epochs(&self) -> Result<Vec<u64>, RemoteError> {
        let listed = self.list(&self.root.join(EPOCHS))?;
        let mut epochs: Vec<u64> = listed.iter().filter_map(|name| name.parse().ok()).collect();
        epochs.sort_unstable();
        Ok(epochs)
    }

    /// An epoch of this head, verified: from what is here, and from the store.
    ///
    /// Nothing of the epoch has its name before every file of it is verified.
    pub(crate) fn hold(&self, remote: &Remote, head: Head) -> Result<Held, RemoteError> {
        let _lock = self.lock()?;
        let path = self.epoch_path(head.epoch);
        let is_here = match self.head(remote, head.epoch)? {
            Some(known) if known == head => self.verify(&head)?,
            Some(_) => {
                let what =
                    "the store has another epoch of this number; use a new directory".to_owned();
                let epoch = head.epoch;
                return Err(RemoteError::Mismatch { epoch, path, what });
            }
            None => false,
        };
        let (mut fetched_files, mut fetched_bytes) = (0, 0);
        if !is_here {
            let lacking = self.lacking(&head)?;
            fetched_files = lacking.len();
            fetched_bytes = lacking.iter().map(|file| file.length).sum();
            remote.block_on(|| self.download(remote, &lacking))??;
            self.build(remote, &head)?;
        }
        let lease = self.lease(head.epoch)?;
        Ok(Held {
            head,
            path,
            lease,
            fetched_files,
            fetched_bytes,
        })
    }

    /// Waits for the lock of the directory.
    fn lock(&self) -> Result<Box<dyn Send + Sync>, RemoteError> {
        let path = self.root.join(LOCK);
        loop {
            match self.files.lock(&path, LockMode::Exclusive) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.check_closed()?;
                    std::thread::sleep(WAIT);
                }
                other => return other.map_err(RemoteError::file(IoAction::Lock, &path)),
            }
        }
    }

    /// Replaces a small file.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), RemoteError> {
        let mut next = path.as_os_str().to_owned();
        next.push(".next");
        let next = PathBuf::from(next);
        self.remove_file(&next)?;
        let created = self.files.create_new(&next);
        let mut file = created.map_err(RemoteError::file(IoAction::Create, &next))?;
        let written = file.append(bytes);
        written.map_err(RemoteError::file(IoAction::Write, &next))?;
        file.sync()
            .map_err(RemoteError::file(IoAction::Sync, &next))?;
        drop(file);
        let renamed = self.files.rename(&next, path);
        renamed.map_err(RemoteError::file(IoAction::Rename, path))
    }

    /// Removes a file; fine if there is none.
    fn remove_file(&self, path: &Path) -> Result<(), RemoteError> {
        match self.files.remove(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(RemoteError::file(IoAction::Remove, path)(error))
            }
            _ => Ok(()),
        }
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, RemoteError> {
        let listed = self.files.list(path);
        listed.map_err(RemoteError::file(IoAction::List, path))
    }

    fn sync_dir(&self, path: &Path) -> Result<(), RemoteError> {
        let synced = self.files.sync_dir(path);
        synced.map_err(RemoteError::file(IoAction::SyncDirectory, path))
    }

    fn note_verified(&self, checksum: Checksum) {
        let verified = self.verified.lock();
        verified
            .unwrap_or_else(PoisonError::into_inner)
            .insert(checksum);
    }

    fn is_verified(&self, checksum: Checksum) -> bool {
        let verified = self.verified.lock();
        verified
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&checksum)
    }

    fn object_path(&self, checksum: Checksum) -> PathBuf {
        self.root.join(OBJECTS).join(checksum.to_string())
    }

    fn head_path(&self, epoch: u64) -> PathBuf {
        self.root.join(HEADS).join(format!("{epoch:020}.json"))
    }

    fn epoch_path(&self, epoch: u64) -> PathBuf {
        self.root.join(EPOCHS).join(epoch.to_string())
    }
}
