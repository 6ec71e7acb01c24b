//! Collection: unlinking the files that no manifest names and nobody is writing.

use super::writing::Writing;
use crate::error::Error;
use crate::snapshot::Live;
use crate::store::{self, StoreError};
use std::io::ErrorKind;
use std::path::PathBuf;
use twinspire_core::files::{IoAction, LockMode, names};
use twinspire_core::telemetry;

/// Unlinks the files that nothing needs. Returns their paths.
pub(crate) fn collect(live: &Live, writing: &Writing) -> Result<Vec<PathBuf>, Error> {
    let _state = writing.lock_state();
    writing.check_writable()?;
    collect_locked(live, writing)
}

/// The files that [`collect`] would unlink.
pub(crate) fn garbage(live: &Live, writing: &Writing) -> Result<Vec<PathBuf>, Error> {
    let _state = writing.lock_state();
    let pending = writing.pending.lock();
    let manifest = &live.snapshot.load().sealed.manifest;
    Ok(store::garbage(&live.directory, manifest, &pending)?)
}

/// [`collect`] at the end of an operation that has succeeded already: a failure is only logged. The
/// caller holds the state lock.
pub(super) fn collect_or_warn(live: &Live, writing: &Writing) {
    if let Err(error) = collect_locked(live, writing) {
        telemetry::warn!("cannot collect files that are no longer needed: {error}");
    }
}

/// Collects under the caller's state lock. Skips it while a reader in another process opens files.
fn collect_locked(live: &Live, writing: &Writing) -> Result<Vec<PathBuf>, Error> {
    let directory = &live.directory;
    let path = directory.root.join(names::READERS);
    let _no_reader_opening = match directory.files.lock(&path, LockMode::Exclusive) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io(IoAction::Lock, &path)(error).into()),
    };
    // Held to the end: a file that is created during collection must not count as garbage.
    let pending = writing.pending.lock();
    let manifest = &live.snapshot.load().sealed.manifest;
    Ok(store::collect(directory, manifest, &pending)?)
}
