//! Copying a database into another directory, as of one moment.
//!
//! Segments and towers never change, so that hard links replace copies where the file system has them.
//! The journal is written anew. CURRENT comes last: without it a directory is no database yet.

use super::writing::Writing;
use crate::catalog;
use crate::error::Error;
use crate::manifest::Manifest;
use crate::snapshot::Live;
use crate::store::{self, Directory, StoreError};
use std::path::Path;
use twinspire_core::files::{IoAction, names};
use twinspire_core::ids::FileNo;

/// Writes a copy into a directory that is absent or empty.
///
/// Puts wait while the journal is read; seals, merges and publishes wait to the end. Without `writing`
/// the caller keeps files from being unlinked, and tries again if the state changed meanwhile.
pub(crate) fn copy(live: &Live, writing: Option<&Writing>, target: &Path) -> Result<(), Error> {
    let from = &live.directory;
    let (state, writer) = writing.map(Writing::pause_all).unzip();
    let manifest = live.snapshot.load().sealed.manifest.clone();
    let journal = catalog::unsealed(from, manifest.database, manifest.sealed)?;
    drop(writer);
    let to = Directory {
        files: from.files.clone(),
        root: target.to_owned(),
    };
    create_directories(&to)?;
    link_files(from, &to, &manifest)?;
    if let Some(bytes) = journal {
        catalog::write_closed(&to, manifest.next_file, &bytes)?;
    }
    // The copy's journal takes the source's next file number.
    let next_file = FileNo(manifest.next_file.0 + 1);
    let manifest = Manifest {
        number: 1,
        next_file,
        ..manifest
    };
    to.sync_parent()?;
    store::commit(&to, &manifest)?;
    drop(state);
    Ok(())
}

/// Creates the database directory and those in it.
fn create_directories(to: &Directory) -> Result<(), Error> {
    let (files, root) = (&*to.files, &to.root);
    if !to.fits() {
        let (bytes, limit) = (root.as_os_str().len(), names::MAX_ROOT_BYTES);
        return Err(Error::PathTooLong { bytes, limit });
    }
    let inside = files
        .list(root)
        .map_err(StoreError::io(IoAction::List, root))?;
    if !inside.is_empty() {
        return Err(Error::NotEmpty { path: root.clone() });
    }
    let inner = [names::JOURNAL, names::SEGMENTS, names::TOWERS].map(|name| root.join(name));
    for path in [root].into_iter().chain(&inner) {
        to.create_dir(path)?;
    }
    Ok(to.sync_dir(root)?)
}

/// Links the segments and towers that a manifest names into another directory.
fn link_files(from: &Directory, to: &Directory, manifest: &Manifest) -> Result<(), StoreError> {
    let files = &*from.files;
    let link = |directory: &str, name: &str| {
        let (old, new) = (from.path(directory, name), to.path(directory, name));
        files
            .link(&old, &new)
            .map_err(StoreError::io(IoAction::Link, &old))
    };
    for items in &manifest.items {
        link(names::SEGMENTS, &names::items(items.file.number))?;
    }
    for (space, kept) in &manifest.spaces {
        for generation in &kept.generations {
            for segment in &generation.segments {
                link(names::SEGMENTS, &names::space(segment.file.number))?;
            }
            let towers = names::join(names::TOWERS, &names::towers(space, generation.number));
            let path = to.root.join(&towers);
            to.create_dir(&path)?;
            for file in &generation.towers {
                link(&towers, &file.name)?;
            }
            to.sync_dir(&path)?;
        }
    }
    to.sync_dir(&to.root.join(names::SEGMENTS))?;
    to.sync_dir(&to.root.join(names::TOWERS))
}
