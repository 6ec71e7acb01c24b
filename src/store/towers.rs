//! The towers of a generation: a copy of the towers directory, pinned by the manifest.

use super::directory::Directory;
use super::error::StoreError;
use crate::format::FormatError;
use crate::manifest::TowerFile;
use std::path::Path;
use std::sync::Arc;
use twinspire_core::files::{IoAction, names};
use twinspire_core::ids::GenerationNo;
use twinspire_core::wire::checksum;
use twinspire_towers::internals::NamedBlob;

/// Writes the towers of a generation. Files and names are durable then. Replaces what a failed publish
/// left in their place.
pub(crate) fn write_towers(
    directory: &Directory,
    space: &str,
    generation: GenerationNo,
    parts: &[NamedBlob],
) -> Result<Vec<TowerFile>, StoreError> {
    let files = &*directory.files;
    let path = directory.path(names::TOWERS, &names::towers(space, generation));
    for name in files
        .list(&path)
        .map_err(StoreError::io(IoAction::List, &path))?
    {
        let left = path.join(name);
        files
            .remove(&left)
            .map_err(StoreError::io(IoAction::Remove, &left))?;
    }
    directory.create_dir(&path)?;
    let mut written = Vec::new();
    for (name, blob) in parts {
        let target = path.join(name);
        let mut file = files
            .create_new(&target)
            .map_err(StoreError::io(IoAction::Create, &target))?;
        file.append(blob)
            .map_err(StoreError::io(IoAction::Write, &target))?;
        file.finish()
            .map_err(StoreError::io(IoAction::Sync, &target))?;
        written.push(TowerFile {
            name: name.clone(),
            length: blob.len() as u64,
            checksum: checksum(blob),
        });
    }
    directory.sync_dir(&path)?;
    directory.sync_dir(&directory.root.join(names::TOWERS))?;
    Ok(written)
}

/// Opens the towers of a generation. Each file must have the length that the manifest pins; the content is not
/// read.
pub(crate) fn open_towers(
    directory: &Directory,
    space: &str,
    generation: GenerationNo,
    pinned: &[TowerFile],
) -> Result<Vec<NamedBlob>, StoreError> {
    let path = directory.path(names::TOWERS, &names::towers(space, generation));
    let mut parts = Vec::new();
    for pin in pinned {
        let target = path.join(&pin.name);
        let blob = directory
            .files
            .open(&target)
            .map_err(StoreError::io(IoAction::Read, &target))?;
        if blob.len() as u64 != pin.length {
            return Err(not_published(&target));
        }
        parts.push((pin.name.clone(), Arc::new(blob)));
    }
    Ok(parts)
}

/// Compares the towers opened from the directory `path` with what the manifest pins.
pub(crate) fn verify_towers(
    path: &Path,
    parts: &[NamedBlob],
    pinned: &[TowerFile],
) -> Result<(), StoreError> {
    let differs = |((_, blob), pin): &(&NamedBlob, &TowerFile)| checksum(blob) != pin.checksum;
    match parts.iter().zip(pinned).find(differs) {
        Some((_, pin)) => Err(not_published(&path.join(&pin.name))),
        None => Ok(()),
    }
}

/// Opens and verifies the towers of a generation.
pub(crate) fn read_towers(
    directory: &Directory,
    space: &str,
    generation: GenerationNo,
    pinned: &[TowerFile],
) -> Result<Vec<NamedBlob>, StoreError> {
    let parts = open_towers(directory, space, generation, pinned)?;
    let path = directory.path(names::TOWERS, &names::towers(space, generation));
    verify_towers(&path, &parts, pinned)?;
    Ok(parts)
}

fn not_published(path: &Path) -> StoreError {
    let what = "is not the file that was published: its length or checksum differs";
    StoreError::format(path)(FormatError::bad("file", what))
}
