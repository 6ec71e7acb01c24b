//! Collection: unlinking the files that no manifest names.

use super::directory::Directory;
use super::error::StoreError;
use crate::manifest::Manifest;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::PathBuf;
use twinspire_core::files::{IoAction, names};
use twinspire_core::telemetry;

/// Unlinks every segment, towers directory and manifest that `manifest` does not need. Keeps the
/// previous manifest and the `pending` files, which are under construction. Returns what was removed.
///
/// A file that cannot be removed (on Windows a mapped one) stays until the next collection.
pub(crate) fn collect(
    directory: &Directory,
    manifest: &Manifest,
    pending: &BTreeSet<String>,
) -> Result<Vec<PathBuf>, StoreError> {
    let files = &*directory.files;
    let mut removed = Vec::new();
    let mut remove = |path: PathBuf, is_directory: bool| {
        let done = match is_directory {
            true => files.remove_dir(&path),
            false => files.remove(&path),
        };
        match done {
            Ok(()) => removed.push(path),
            Err(error) => telemetry::warn!(
                "cannot remove {}: {error}; the next collection tries again",
                path.display()
            ),
        }
    };
    let stale = stale(directory, manifest, pending)?;
    stale.files.into_iter().for_each(|path| remove(path, false));
    stale
        .directories
        .into_iter()
        .for_each(|path| remove(path, true));
    Ok(removed)
}

/// The files that [`collect`] would remove.
pub(crate) fn garbage(
    directory: &Directory,
    manifest: &Manifest,
    pending: &BTreeSet<String>,
) -> Result<Vec<PathBuf>, StoreError> {
    let Stale {
        mut files,
        directories,
    } = stale(directory, manifest, pending)?;
    files.extend(directories);
    Ok(files)
}

/// Files and directories that nothing needs.
#[derive(Default)]
struct Stale {
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

fn stale(
    directory: &Directory,
    manifest: &Manifest,
    pending: &BTreeSet<String>,
) -> Result<Stale, StoreError> {
    let list = |path: &PathBuf| {
        let listed = directory.files.list(path);
        listed.map_err(StoreError::io(IoAction::List, path))
    };
    let needed = needed(manifest);
    let is_stale = |within: &str, name: &str| {
        let name = names::join(within, name);
        !needed.contains(&name) && !pending.contains(&name)
    };
    let mut stale = Stale::default();
    let dir = directory.root.join(names::SEGMENTS);
    for name in list(&dir)? {
        let ours = names::number_of(&name, "items")
            .or(names::number_of(&name, "space"))
            .is_some();
        if ours && is_stale(names::SEGMENTS, &name) {
            stale.files.push(dir.join(name));
        }
    }
    let before = manifest.number.checked_sub(1);
    for name in list(&directory.root)? {
        let number = names::number_of(&name, "manifest");
        let neither = |number| number != manifest.number && Some(number) != before;
        if number.is_some_and(neither) || name == names::CURRENT_NEXT {
            stale.files.push(directory.root.join(name));
        }
    }
    let dir = directory.root.join(names::TOWERS);
    for name in list(&dir)? {
        if names::is_towers(&name) && is_stale(names::TOWERS, &name) {
            let towers = dir.join(&name);
            let inside = match directory.files.list(&towers) {
                Err(error) if error.kind() == ErrorKind::NotADirectory => {
                    stale.files.push(towers);
                    continue;
                }
                other => other.map_err(StoreError::io(IoAction::List, &towers))?,
            };
            stale
                .files
                .extend(inside.into_iter().map(|file| towers.join(file)));
            stale.directories.push(towers);
        }
    }
    Ok(stale)
}

/// The segments and towers directories that a manifest names.
fn needed(manifest: &Manifest) -> BTreeSet<String> {
    let items = manifest.items.iter();
    let items = items.map(|items| names::join(names::SEGMENTS, &names::items(items.file.number)));
    let mut needed: BTreeSet<String> = items.collect();
    for (name, space) in &manifest.spaces {
        for generation in &space.generations {
            let segments = generation.segments.iter();
            needed.extend(
                segments.map(|segment| {
                    names::join(names::SEGMENTS, &names::space(segment.file.number))
                }),
            );
            needed.insert(names::join(
                names::TOWERS,
                &names::towers(name, generation.number),
            ));
        }
    }
    needed
}

/// Files with this number or a larger one do not belong to the database, which never counts that far.
const FOREIGN: u64 = u64::MAX / 2;

/// The highest number of any segment or journal file.
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
            .map_err(StoreError::io(IoAction::List, &path))?
        {
            let numbers = kinds
                .iter()
                .filter_map(|kind| names::number_of(&name, kind));
            highest = numbers
                .filter(|number| *number < FOREIGN)
                .fold(highest, u64::max);
        }
    }
    Ok(highest)
}
