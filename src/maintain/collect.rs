//! Unlinking what no manifest names and nobody is making.

use super::{Writing, held};
use crate::error::Error;
use crate::snapshot::Live;
use crate::store;
use std::path::PathBuf;

/// Unlinks files that nothing needs any more; gives what was removed.
pub(crate) fn collect(live: &Live, writing: &Writing) -> Result<Vec<PathBuf>, Error> {
    let _state = writing.hold_state();
    drop(writing.writer()?);
    collect_held(live, writing)
}

/// What [`collect`] would remove now.
pub(crate) fn garbage(live: &Live, writing: &Writing) -> Result<Vec<PathBuf>, Error> {
    let _state = writing.hold_state();
    let making = held(&writing.making).clone();
    let manifest = &live.snapshot.load().sealed.manifest;
    Ok(store::garbage(&live.directory, manifest, &making)?)
}

/// [`collect`], for who holds the state already.
pub(super) fn collect_held(live: &Live, writing: &Writing) -> Result<Vec<PathBuf>, Error> {
    let making = held(&writing.making).clone();
    let manifest = &live.snapshot.load().sealed.manifest;
    Ok(store::collect(&live.directory, manifest, &making)?)
}
