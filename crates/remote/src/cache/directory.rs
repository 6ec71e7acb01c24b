//! The directory itself: its lock, its names, and small files that are replaced.

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
pub(super) const OBJECTS: &str = "objects";
pub(super) const PARTIAL: &str = "partial";
pub(super) const HEADS: &str = "heads";
pub(super) const EPOCHS: &str = "epochs";
pub(super) const LEASES: &str = "leases";

/// How often a locked directory is tried again.
const WAIT: Duration = Duration::from_millis(20);

/// The directory of a replica.
#[derive(Debug)]
pub(crate) struct Cache {
    pub(super) files: Arc<dyn FileSystem>,
    pub(super) root: PathBuf,
    /// Objects whose bytes this process has compared with their checksum.
    verified: Mutex<BTreeSet<Checksum>>,
    /// Set to end a call early.
    closed: AtomicBool,
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

    pub(super) fn check_closed(&self) -> Result<(), RemoteError> {
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

    /// Waits for the lock of the directory.
    pub(super) fn lock(&self) -> Result<Box<dyn Send + Sync>, RemoteError> {
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
    pub(super) fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), RemoteError> {
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

    /// Removes a file. A file that does not exist is no error.
    pub(super) fn remove_file(&self, path: &Path) -> Result<(), RemoteError> {
        match self.files.remove(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(RemoteError::file(IoAction::Remove, path)(error))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn list(&self, path: &Path) -> Result<Vec<String>, RemoteError> {
        let listed = self.files.list(path);
        listed.map_err(RemoteError::file(IoAction::List, path))
    }

    pub(super) fn sync_dir(&self, path: &Path) -> Result<(), RemoteError> {
        let synced = self.files.sync_dir(path);
        synced.map_err(RemoteError::file(IoAction::SyncDirectory, path))
    }

    pub(super) fn note_verified(&self, checksum: Checksum) {
        let verified = self.verified.lock();
        verified
            .unwrap_or_else(PoisonError::into_inner)
            .insert(checksum);
    }

    pub(super) fn note_unverified(&self, checksum: Checksum) {
        let verified = self.verified.lock();
        verified
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&checksum);
    }

    pub(super) fn is_verified(&self, checksum: Checksum) -> bool {
        let verified = self.verified.lock();
        verified
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&checksum)
    }

    pub(super) fn object_path(&self, checksum: Checksum) -> PathBuf {
        self.root.join(OBJECTS).join(checksum.to_string())
    }

    pub(super) fn head_path(&self, epoch: u64) -> PathBuf {
        self.root.join(HEADS).join(format!("{epoch:020}.json"))
    }

    pub(super) fn epoch_path(&self, epoch: u64) -> PathBuf {
        self.root.join(EPOCHS).join(epoch.to_string())
    }
}
