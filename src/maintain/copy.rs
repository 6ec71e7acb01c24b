//! A snapshot: a database of its own in another directory, of one moment of this one.
//!
//! Segments and towers never change, so that a hard link does for a copy where the file system has
//! them. The journal is written anew, CURRENT last: a directory without it is no database yet.

use super::Writing;
use crate::catalog::{self, CatalogError};
use crate::error::Error;
use crate::manifest::Manifest;
use crate::snapshot::Live;
use crate::store::{self, Directory, StoreError};
use std::path::Path;
use twinspire_core::files::{FileSystem, names};
use twinspire_core::ids::FileNo;

/// Writes a snapshot into a directory that is absent or empty.
///
/// Without `writing`, the caller keeps files from being unlinked, and looks again if the state has
/// moved on while its journal was read.
pub(crate) fn snapshot(live: &Live, writing: Option<&Writing>, target: &Path) -> Result<(), Error> {
    let from = &live.directory;
    let (_state, manifest, journal) = match writing {
        Some(writing) => {
            let (state, writer) = writing.hold_still();
            let manifest = live.snapshot.load().sealed.manifest.clone();
            let journal = journal_of(from, &manifest)?;
            drop(writer);
            (Some(state), manifest, journal)
        }
        None => {
            let manifest = live.snapshot.load().sealed.manifest.clone();
            let journal = journal_of(from, &manifest)?;
            (None, manifest, journal)
        }
    };
    let to = Directory {
        files: from.files.clone(),
        root: target.to_owned(),
    };
    begin(&to)?;
    link_all(from, &to, &manifest)?;
    if let Some(bytes) = journal {
        let path = to.path(names::JOURNAL, &names::journal(manifest.next_file));
        write(&*to.files, &path, &bytes)?;
        to.sync_dir(&to.root.join(names::JOURNAL))?;
    }
    // The number is one that the journal does not use up, for it names no segment.
    let next_file = FileNo(manifest.next_file.0 + 1);
    let manifest = Manifest {
        number: 1,
        next_file,
        ..manifest
    };
    to.sync_parent()?;
    Ok(store::commit(&to, &manifest)?)
}

/// What is not sealed, as one journal file; none if everything is.
fn journal_of(directory: &Directory, manifest: &Manifest) -> Result<Option<Vec<u8>>, CatalogError> {
    catalog::unsealed(directory, manifest.database, manifest.sealed)
}

/// Makes the directories.
fn begin(to: &Directory) -> Result<(), Error> {
    let (files, root) = (&*to.files, &to.root);
    if !to.fits() {
        let (bytes, limit) = (root.as_os_str().len(), names::MAX_ROOT_BYTES);
        return Err(Error::PathTooLong { bytes, limit });
    }
    let inside = files.list(root).map_err(StoreError::io("list", root))?;
    if !inside.is_empty() {
        return Err(Error::NotEmpty { path: root.clone() });
    }
    let inner = [names::JOURNAL, names::SEGMENTS, names::TOWERS].map(|name| root.join(name));
    for path in [root].into_iter().chain(&inner) {
        let made = files.create_dir(path);
        made.map_err(StoreError::io("create the directory", path))?;
    }
    Ok(to.sync_dir(root)?)
}

/// Gives the segments and towers that a manifest names a further name each.
fn link_all(from: &Directory, to: &Directory, manifest: &Manifest) -> Result<(), StoreError> {
    let files = &*from.files;
    let link = |directory: &str, name: &str| {
        let (old, new) = (from.path(directory, name), to.path(directory, name));
        files.link(&old, &new).map_err(StoreError::io("link", &old))
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
            let made = files.create_dir(&path);
            made.map_err(StoreError::io("create the directory", &path))?;
            for file in &generation.towers {
                link(&towers, &file.name)?;
            }
            to.sync_dir(&path)?;
        }
    }
    to.sync_dir(&to.root.join(names::SEGMENTS))?;
    to.sync_dir(&to.root.join(names::TOWERS))
}

fn write(files: &dyn FileSystem, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = files
        .create_new(path)
        .map_err(StoreError::io("create", path))?;
    file.append(bytes).map_err(StoreError::io("write", path))?;
    file.sync().map_err(StoreError::io("sync", path))
}
