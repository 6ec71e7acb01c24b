//! The snapshot that a push reads, in a directory beside the database.

use crate::error::RemoteError;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use twinspire::Database;
use twinspire_core::files::{FileSystem, IoAction, LockMode, OsFiles, parent};
use twinspire_core::telemetry;

/// A directory beside the database, which is removed with its content in the end: on one file system a snapshot takes
/// next to no space there. Directories of pushes that were killed are removed by the next one.
pub(super) struct Staging {
    path: PathBuf,
    lock: Option<Box<dyn Send + Sync>>,
}

/// A snapshot in a staging directory.
pub(super) struct Snapshot {
    pub(super) path: PathBuf,
    pub(super) database: Database,
}

const LOCK: &str = "PUSH";
const SNAPSHOT: &str = "snapshot";

impl Staging {
    pub(super) fn new(database: &Path) -> Result<Self, RemoteError> {
        let files = OsFiles::MAPPED;
        let name = database
            .file_name()
            .map_or_else(|| OsString::from("database"), OsString::from);
        let prefix = format!(".{}.push-", name.to_string_lossy());
        let directory = parent(database);
        for left in files.list(directory).unwrap_or_default() {
            if left.starts_with(&prefix) {
                let left = directory.join(left);
                // A push that is running holds the lock.
                if files.lock(&left.join(LOCK), LockMode::Exclusive).is_ok() {
                    remove(&left);
                }
            }
        }
        let mut number = std::process::id();
        loop {
            let path = directory.join(format!("{prefix}{number}"));
            let taken = files
                .list(&path)
                .map_err(RemoteError::file(IoAction::List, &path))?;
            if !taken.is_empty() {
                number = number.wrapping_add(1);
                continue;
            }
            let made = files.create_dir(&path);
            made.map_err(RemoteError::file(IoAction::CreateDirectory, &path))?;
            let lock = files.lock(&path.join(LOCK), LockMode::Owner);
            match lock {
                // Another push has it, or took it for one that was killed.
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotFound) =>
                {
                    number = number.wrapping_add(1);
                }
                lock => {
                    let lock = lock.map_err(RemoteError::file(IoAction::Lock, &path))?;
                    return Ok(Self {
                        path,
                        lock: Some(lock),
                    });
                }
            }
        }
    }

    /// A snapshot of the database, open.
    pub(super) fn snapshot(&self, database: &Database) -> Result<Snapshot, RemoteError> {
        let path = self.path.join(SNAPSHOT);
        database.snapshot(&path)?;
        let database = database.open_beside(&path)?;
        Ok(Snapshot { path, database })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.lock = None;
        remove(&self.path);
    }
}

/// Removes a directory and all in it. What cannot be removed stays for the next push.
pub(crate) fn remove(path: &Path) {
    let files = OsFiles::MAPPED;
    for name in files.list(path).unwrap_or_default() {
        let inside = path.join(name);
        if inside.is_dir() {
            remove(&inside);
        } else if let Err(error) = files.remove(&inside) {
            telemetry::warn!("cannot remove {}: {error}", inside.display());
        }
    }
    if let Err(error) = files.remove_dir(path)
        && error.kind() != ErrorKind::NotFound
    {
        telemetry::warn!("cannot remove {}: {error}", path.display());
    }
}
