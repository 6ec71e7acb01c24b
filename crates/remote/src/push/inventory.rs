//! What a snapshot consists of: its files with lengths and checksums, and what its spaces serve.

use super::staging::Snapshot;
use crate::checksum::Checksum;
use crate::error::RemoteError;
use crate::head::{HeadFile, HeadSpace, is_database_file};
use std::collections::BTreeMap;
use std::path::Path;
use twinspire_core::files::{FileSystem, IoAction, OsFiles, names};
use twinspire_core::wire;

/// Bytes of a header, and of a footer.
const END: usize = 64;
/// Where the header has the identity of the database.
const DATABASE: std::ops::Range<usize> = 24..32;
/// Where the footer has the checksum of the section table.
const TABLE_CHECKSUM: std::ops::Range<usize> = 24..32;

/// What a snapshot consists of.
pub(super) struct Inventory {
    pub(super) database: u64,
    /// Pushes of one state have the same.
    pub(super) state: u64,
    pub(super) spaces: BTreeMap<String, HeadSpace>,
    /// In order of their paths.
    pub(super) files: Vec<HeadFile>,
}

impl Inventory {
    /// Lists the files of a snapshot. `known` returns what the newest head says of a path: a segment that it knows by
    /// length, header and footer is not read.
    pub(super) fn take<'a>(
        snapshot: &Snapshot,
        known: impl Fn(&str) -> Option<&'a HeadFile>,
    ) -> Result<Self, RemoteError> {
        let mut paths = Vec::new();
        walk(&snapshot.path, "", &mut paths)?;
        paths.retain(|path| is_database_file(path));
        paths.sort_unstable();
        let (mut database, mut state) = (0, wire::Checksum::default());
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let full = snapshot.path.join(&path);
            let blob = OsFiles::MAPPED.open(&full);
            let bytes = &*blob.map_err(RemoteError::file(IoAction::Open, &full))?;
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", &path));
            if names::number_of(name, "manifest").is_some() {
                database = number(bytes.get(DATABASE));
                let footer = bytes.len().saturating_sub(END);
                // The identity of a manifest is new in every snapshot; the checksums of its sections are not.
                let table = bytes
                    .get(footer..)
                    .and_then(|footer| footer.get(TABLE_CHECKSUM));
                state.update(table.unwrap_or_default());
            } else if directory == names::JOURNAL {
                state.update(bytes.get(END..).unwrap_or_default());
            }
            let ends = (directory == names::SEGMENTS)
                .then(|| ends(bytes))
                .flatten();
            let same = known(&path).filter(|known| {
                ends.is_some() && (known.length, known.ends) == (bytes.len() as u64, ends)
            });
            files.push(HeadFile {
                length: bytes.len() as u64,
                checksum: same.map_or_else(|| Checksum::of(bytes), |known| known.checksum),
                ends,
                path,
            });
        }
        let mut spaces = BTreeMap::new();
        for name in snapshot.database.spaces() {
            let generations = snapshot.database.generations(&name)?;
            if let Some(active) = generations.iter().find(|generation| generation.active) {
                let space = HeadSpace {
                    generation: active.number.0,
                    towers: active.towers_hash,
                };
                spaces.insert(name, space);
            }
        }
        Ok(Self {
            database,
            state: state.value(),
            spaces,
            files,
        })
    }
}

/// The paths of all files, relative to the root.
fn walk(root: &Path, below: &str, paths: &mut Vec<String>) -> Result<(), RemoteError> {
    let directory = root.join(below);
    let listed = OsFiles::MAPPED.list(&directory);
    for name in listed.map_err(RemoteError::file(IoAction::List, &directory))? {
        let path = match below.is_empty() {
            true => name,
            false => names::join(below, &name),
        };
        match root.join(&path).is_dir() {
            true => walk(root, &path, paths)?,
            false => paths.push(path),
        }
    }
    Ok(())
}

/// The checksum of the first and the last 64 bytes; `None` for a shorter file.
fn ends(bytes: &[u8]) -> Option<u64> {
    let mut sum = wire::Checksum::default();
    sum.update(bytes.first_chunk::<END>()?);
    sum.update(bytes.last_chunk::<END>()?);
    Some(sum.value())
}

fn number(bytes: Option<&[u8]>) -> u64 {
    let array = bytes.and_then(|bytes| bytes.try_into().ok());
    array.map_or(0, u64::from_le_bytes)
}
