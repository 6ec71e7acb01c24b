//! The current manifest when a database is opened, or the first one.

use super::missing::missing;
use crate::error::Error;
use crate::manifest::Manifest;
use crate::store::{self, Directory, StoreError, fresh_identity};
use std::io::ErrorKind;
use std::path::Path;
use twinspire_core::files::{IoAction, names};

/// Loads the current manifest and makes it durable, or creates the first one.
///
/// The previous writer may have died between the rename of CURRENT and its sync. Nothing may build on a
/// state that a power cut could still take back.
pub(super) fn load_or_create(directory: &Directory) -> Result<Manifest, Error> {
    if let Some(manifest) = store::load(directory).map_err(missing)? {
        let current = directory.root.join(names::CURRENT);
        directory
            .files
            .sync_file(&current)
            .map_err(StoreError::io(IoAction::Sync, &current))?;
        directory.sync_dir(&directory.root)?;
        return Ok(manifest);
    }
    refuse_without_current(directory)?;
    let manifest = Manifest::new(fresh_identity());
    // A crash during creation leaves a first manifest that no CURRENT names.
    let orphan = directory.root.join(names::manifest(manifest.number));
    match directory.files.remove(&orphan) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(StoreError::io(IoAction::Remove, &orphan)(error).into());
        }
        _ => {}
    }
    directory.sync_dir(&directory.root)?;
    // Before CURRENT exists: whoever finds one may rely on a durable directory.
    directory.sync_parent()?;
    store::commit(directory, &manifest)?;
    Ok(manifest)
}

/// Refuses a directory that holds data but no CURRENT: a new database there would discard the data.
pub(super) fn refuse_without_current(directory: &Directory) -> Result<(), Error> {
    let list = |path: &Path| {
        directory
            .files
            .list(path)
            .map_err(StoreError::io(IoAction::List, path))
    };
    let later = |name: &String| names::number_of(name, "manifest").is_some_and(|number| number > 1);
    let holds_data = list(&directory.root)?.iter().any(later)
        || !list(&directory.root.join(names::SEGMENTS))?.is_empty()
        || !list(&directory.root.join(names::JOURNAL))?.is_empty();
    if holds_data {
        let current = directory.root.join(names::CURRENT);
        let what = "the file is missing, but the directory holds data";
        return Err(Error::corrupt(&current, "file", what));
    }
    Ok(())
}
