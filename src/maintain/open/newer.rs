//! Refusing files of a newer format before anything is written.
//!
//! Opening reads the files of the generations that serve. A writer would build on all of them, and a repair
//! would take what it cannot read for damage. So header and tables of every file are looked at first.

use crate::catalog;
use crate::error::Error;
use crate::format::manifest as manifest_file;
use crate::manifest::Manifest;
use crate::store::{Directory, ItemsSegment, SpaceSegment, StoreError};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use twinspire_core::files::{IoAction, names};
use twinspire_core::ids::FileNo;

/// Refuses a database in which a file that the manifest names is of a newer format. Damaged and missing files
/// are left to others.
pub(super) fn refuse_newer_segments(
    directory: &Directory,
    manifest: &Manifest,
) -> Result<(), Error> {
    for items in &manifest.items {
        let name = names::items(items.file.number);
        ignore_damage(ItemsSegment::check_supported(directory, &name))?;
    }
    let kept = manifest
        .spaces
        .values()
        .flat_map(|space| &space.generations);
    let segments = kept.flat_map(|generation| &generation.segments);
    let numbers: BTreeSet<FileNo> = segments.map(|segment| segment.file.number).collect();
    for number in numbers {
        let name = names::space(number);
        ignore_damage(SpaceSegment::check_supported(directory, &name))?;
    }
    Ok(())
}

/// Refuses a database directory with any manifest, segment or journal of a newer format, whether the current
/// manifest names it or not: a repair may have to do without that one.
pub(crate) fn refuse_any_newer(directory: &Directory) -> Result<(), Error> {
    let list = |path| {
        let listed = directory.files.list(path);
        listed.map_err(StoreError::io(IoAction::List, path))
    };
    let root = &directory.root;
    for name in list(root)? {
        if names::number_of(&name, "manifest").is_none() {
            continue;
        }
        let path = root.join(name);
        let read = directory.files.read(&path);
        let bytes = read.map_err(StoreError::io(IoAction::Read, &path))?;
        if let Err(error) = manifest_file::decode(&bytes) {
            ignore_damage(Err(StoreError::format(&path)(error)))?;
        }
    }
    for name in list(&root.join(names::SEGMENTS))? {
        if names::number_of(&name, "items").is_some() {
            ignore_damage(ItemsSegment::check_supported(directory, &name))?;
        } else if names::number_of(&name, "space").is_some() {
            ignore_damage(SpaceSegment::check_supported(directory, &name))?;
        }
    }
    catalog::refuse_newer(directory)?;
    Ok(())
}

/// Passes on what is unsupported, and failures to read. A damaged or missing file needs no newer build.
fn ignore_damage(result: Result<(), StoreError>) -> Result<(), Error> {
    match result {
        Err(StoreError::Format { source, .. }) if !source.is_unsupported() => Ok(()),
        Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(()),
        other => Ok(other?),
    }
}
