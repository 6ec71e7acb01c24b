//! Collection: unlinking what no manifest names.

use super::{Directory, StoreError};
use crate::files::names;
use crate::manifest::Manifest;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Unlinks every segment, towers directory and manifest that `manifest` does not need, but the
/// manifest before it. Gives what was removed. Nothing may be in the making while this runs.
///
/// A file that cannot be removed (on Windows a mapped one) stays for the next time.
pub(crate) fn collect(
    directory: &Directory,
    manifest: &Manifest,
) -> Result<Vec<PathBuf>, StoreError> {
    let files = &*directory.files;
    let list = |path: &PathBuf| files.list(path).map_err(StoreError::io("list", path));
    let mut removed = Vec::new();
    let mut unlink = |path: PathBuf| match files.remove(&path) {
        Ok(()) => removed.push(path),
        Err(error) => log::warn!(
            "cannot remove {}: {error}; it stays for the next time",
            path.display()
        ),
    };

    let mut segments: BTreeSet<String> = manifest
        .items
        .iter()
        .map(|items| names::items(items.file.number))
        .collect();
    let mut towers = BTreeSet::new();
    for (name, space) in &manifest.spaces {
        for generation in &space.generations {
            segments.extend(
                generation
                    .segments
                    .iter()
                    .map(|segment| names::space(segment.file.number)),
            );
            towers.insert(names::towers(name, generation.number));
        }
    }
    let dir = directory.root.join(names::SEGMENTS);
    for name in list(&dir)? {
        let ours = names::number_of(&name, "items")
            .or(names::number_of(&name, "space"))
            .is_some();
        if ours && !segments.contains(&name) {
            unlink(dir.join(name));
        }
    }
    for name in list(&directory.root)? {
        let number = names::number_of(&name, "manifest");
        if number.is_some_and(|number| number + 1 < manifest.number || number > manifest.number) {
            unlink(directory.root.join(name));
        }
    }
    let dir = directory.root.join(names::TOWERS);
    for name in list(&dir)? {
        if towers.contains(&name) {
            continue;
        }
        let stale = dir.join(&name);
        for file in list(&stale)? {
            unlink(stale.join(file));
        }
        if let Err(error) = files.remove_dir(&stale) {
            log::warn!(
                "cannot remove {}: {error}; it stays for the next time",
                stale.display()
            );
        }
    }
    Ok(removed)
}

/// The highest number any file has, so that none is used twice.
pub(crate) fn highest_number(directory: &Directory) -> Result<u64, StoreError> {
    let mut highest = 0;
    for (dir, kinds) in [
        (names::SEGMENTS, &["items", "space"][..]),
        (names::JOURNAL, &["journal"][..]),
    ] {
        let path = directory.root.join(dir);
        for name in directory
            .files
            .list(&path)
            .map_err(StoreError::io("list", &path))?
        {
            let numbers = kinds
                .iter()
                .filter_map(|kind| names::number_of(&name, kind));
            highest = numbers.fold(highest, u64::max);
        }
    }
    Ok(highest)
}
