//! Correcting the checksums of damaged files.

use super::golden::{Files, load};
use crate::format::container::{
    ENTRY_BYTES, HEADER_BYTES, Header, Kind, MAX_SECTIONS, encode_footer,
};
use crate::format::current::Current;
use crate::format::journal::{FRAME_BYTES, MAGIC, frame_checksum};
use crate::manifest::{FileRef, Manifest};
use crate::store::{self, Directory};
use std::path::Path;
use twinspire_core::files::names;
use twinspire_core::ids::FileNo;
use twinspire_core::wire::checksum;

/// A file of sections: header, table and footer are mended around whatever the sections hold.
pub(super) fn sections(bytes: &[u8], kind: Kind) -> Vec<u8> {
    let mut bytes = header(bytes, kind);
    let length = bytes.len();
    let Some(footer_at) = length
        .checked_sub(HEADER_BYTES)
        .filter(|at| *at >= HEADER_BYTES)
    else {
        return bytes;
    };
    let entries = (u32_at(&bytes, footer_at + 16) % (MAX_SECTIONS + 1)) as usize;
    let table_offset = u64_at(&bytes, footer_at + 8);
    let table =
        table_offset as usize..(table_offset as usize).saturating_add(entries * ENTRY_BYTES);
    if table.start < HEADER_BYTES || table.end > footer_at {
        return bytes;
    }
    for entry in table.clone().step_by(ENTRY_BYTES) {
        let (from, length) = (
            u64_at(&bytes, entry + 8) as usize,
            u64_at(&bytes, entry + 16),
        );
        let section = bytes.get(from..from.saturating_add(length as usize));
        if let Some(sum) = section.map(checksum) {
            bytes[entry + 24..entry + 32].copy_from_slice(&sum.to_le_bytes());
        }
    }
    let identity = u64_at(&bytes, 16);
    let footer = encode_footer(&bytes[table], table_offset, length as u64, identity);
    bytes[footer_at..].copy_from_slice(&footer);
    bytes
}

/// A journal: the header and every frame that follows the one before it.
pub(super) fn journal(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = header(bytes, Kind::Journal);
    let mut at = HEADER_BYTES;
    while bytes.len() >= at + FRAME_BYTES {
        let length = u32_at(&bytes, at + 4) as usize;
        let end = (at + FRAME_BYTES).saturating_add(length).min(bytes.len());
        bytes[at..at + 4].copy_from_slice(MAGIC);
        let sum = frame_checksum(&bytes[at..at + 24], &bytes[at + FRAME_BYTES..end]);
        bytes[at + 24..at + 32].copy_from_slice(&sum.to_le_bytes());
        at = end;
    }
    bytes
}

/// A database in which the file at `path` was changed: the file's own checksums are mended, and
/// what pins it says that this is the file that is meant.
pub(super) fn database(files: &Files, path: &Path) -> Option<Directory> {
    let mut files = files.clone();
    let bytes = files.get_mut(path)?;
    let name = path.file_name()?.to_str()?;
    let number = |kind: &str| names::number_of(name, kind);
    if let Some(number) = number("manifest") {
        *bytes = sections(bytes, Kind::Manifest);
        let current = Current {
            number,
            checksum: checksum(bytes),
        };
        files.insert(names::CURRENT.into(), current.encode().into_bytes());
    } else if number("journal").is_some() {
        *bytes = journal(bytes);
    } else if number("items").is_some() {
        *bytes = sections(bytes, Kind::Items);
    } else if number("space").is_some() {
        *bytes = sections(bytes, Kind::Space);
    }
    let bytes = bytes_of(&files, path);
    let directory = load(&files);
    if let Ok(Some(mut manifest)) = store::load(&directory)
        && repin(&mut manifest, path, name, bytes)
    {
        manifest.number += 1;
        store::commit(&directory, &manifest).ok()?;
    }
    Some(directory)
}

fn bytes_of<'a>(files: &'a Files, path: &Path) -> &'a [u8] {
    files.get(path).map_or(&[], Vec::as_slice)
}

/// Makes the manifest name this file; false when there is nothing to change.
fn repin(manifest: &mut Manifest, path: &Path, name: &str, bytes: &[u8]) -> bool {
    let before = manifest.clone();
    let file = |pinned: &mut FileRef, kind: &str| {
        if names::number_of(name, kind) == Some(pinned.number.0) && bytes.len() >= 2 * HEADER_BYTES
        {
            let footer = &bytes[bytes.len() - HEADER_BYTES..];
            *pinned = FileRef {
                number: FileNo(pinned.number.0),
                length: bytes.len() as u64,
                identity: u64_at(bytes, 16),
                checksum: checksum(&footer[..HEADER_BYTES - 8]),
            };
        }
    };
    for items in &mut manifest.items {
        file(&mut items.file, "items");
    }
    for (space, kept) in &mut manifest.spaces {
        for generation in &mut kept.generations {
            for segment in &mut generation.segments {
                file(&mut segment.file, "space");
            }
            let home = names::towers(space, generation.number);
            if path.parent().is_some_and(|parent| parent.ends_with(&home)) {
                for tower in generation
                    .towers
                    .iter_mut()
                    .filter(|tower| tower.name == name)
                {
                    (tower.length, tower.checksum) = (bytes.len() as u64, checksum(bytes));
                }
            }
        }
    }
    *manifest != before
}

fn header(bytes: &[u8], kind: Kind) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    if bytes.len() >= HEADER_BYTES {
        let header = Header {
            kind,
            identity: u64_at(&bytes, 16),
            database: u64_at(&bytes, 24),
            before: u64_at(&bytes, 32),
        };
        bytes[..HEADER_BYTES].copy_from_slice(&header.encode());
    }
    bytes
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let part = bytes.get(at..at + 4).and_then(|part| part.try_into().ok());
    u32::from_le_bytes(part.unwrap_or_default())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let part = bytes.get(at..at + 8).and_then(|part| part.try_into().ok());
    u64::from_le_bytes(part.unwrap_or_default())
}
