//! Leases: who uses an epoch keeps it from being removed.

use super::directory::{Cache, LEASES};
use crate::error::RemoteError;
use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;
use twinspire_core::files::{IoAction, LockMode};

/// Keeps an epoch until it is dropped, or its process ends.
pub(crate) struct Lease(#[expect(dead_code, reason = "released on drop")] Box<dyn Send + Sync>);

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lease")
    }
}

impl Cache {
    fn lease_path(&self, epoch: u64) -> PathBuf {
        self.root.join(LEASES).join(epoch.to_string())
    }

    /// Keeps an epoch. The caller holds the lock of the directory, so that nobody removes it at this moment.
    pub(super) fn lease(&self, epoch: u64) -> Result<Lease, RemoteError> {
        let path = self.lease_path(epoch);
        let lock = self.files.lock(&path, LockMode::Shared);
        lock.map(Lease)
            .map_err(RemoteError::file(IoAction::Lock, &path))
    }

    /// The right to remove an epoch; `None` while somebody uses it.
    pub(super) fn sole(&self, epoch: u64) -> Result<Option<Lease>, RemoteError> {
        let path = self.lease_path(epoch);
        match self.files.lock(&path, LockMode::Exclusive) {
            Ok(lock) => Ok(Some(Lease(lock))),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(RemoteError::file(IoAction::Lock, &path)(error)),
        }
    }

    /// Removes the lock file of an epoch that is gone.
    pub(super) fn end_lease(&self, epoch: u64, sole: Lease) -> Result<(), RemoteError> {
        let removed = self.remove_file(&self.lease_path(epoch));
        drop(sole);
        removed
    }
}
