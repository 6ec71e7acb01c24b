//! Unlinking what no manifest names and nobody is making.

use super::{Writing, held};
use crate::error::Error;
use crate::snapshot::Live;
use crate::store::{self, StoreError};
use std::io::ErrorKind;
use std::path::PathBuf;
use twinspire_core::files::{LockMode, names};

/// Unlinks files that nothing needs any more; gives what was removed.
pub(crate) fn collect(live: &Live, writing: &Writing) -> Result<Vec<PathBuf>, Error> {
    let _state = writing.hold_state();
    drop(writing.writer()?);
    collect_held(live, writing)
}

/// What [`collect`] would remove now.
pub(crate) fn garbage(live: &Live, writing: &Writing) -> Result<Vec<PathBuf>, Error> {
    let _state = writing.hold_state();
    let making = held(&writing.making);
    let manifest = &live.snapshot.load().sealed.manifest;
    Ok(store::garbage(&live.directory, manifest, &making)?)
}

/// [`collect`], for who holds the state already. While a reader of another process opens files,
/// nothing is removed: it stays for the next time.
pub(super) fn collect_held(live: &Live, writing: &Writing) -> Result<Vec<PathBuf>, Error> {
    let directory = &live.directory;
    let path = directory.root.join(names::READERS);
    let _none_opening = match directory.files.lock(&path, LockMode::Exclusive) {
        Ok(lock) => lock,
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("lock", &path)(error).into()),
    };
    // Held until all is done: what somebody begins to make meanwhile would be listed, and taken for
    // left over.
    let making = held(&writing.making);
    let manifest = &live.snapshot.load().sealed.manifest;
    Ok(store::collect(directory, manifest, &making)?)
}

/// [`collect_held`] after something that is done and stays so, whatever comes of this.
pub(crate) fn tidy(live: &Live, writing: &Writing) {
    if let Err(error) = collect_held(live, writing) {
        log::warn!("cannot collect what is not needed any more: {error}");
    }
}
