//! The one commit point: a manifest file, and CURRENT that names it.

use super::directory::Directory;
use super::error::{StoreError, WriteOperation};
use super::segment::SegmentWriter;
use crate::format::container::{Header, Kind};
use crate::format::current::Current;
use crate::format::{FormatError, manifest as bytes_of};
use crate::manifest::Manifest;
use std::io::ErrorKind;
use twinspire_core::files::{IoAction, names};
use twinspire_core::ids::FileNo;
use twinspire_core::wire::checksum;

/// Loads the current manifest. `None` if there is no CURRENT.
pub(crate) fn load(directory: &Directory) -> Result<Option<Manifest>, StoreError> {
    let path = directory.root.join(names::CURRENT);
    let text = match directory.files.read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(StoreError::io(IoAction::Read, &path))?,
    };
    let current = Current::decode(&text).map_err(StoreError::format(&path))?;
    let path = directory.root.join(names::manifest(current.number));
    let bytes = directory
        .files
        .read(&path)
        .map_err(StoreError::io(IoAction::Read, &path))?;
    let wrong = StoreError::format(&path);
    // A newer build may also name its manifest in another way.
    if let Err(error) = Header::decode(&bytes, Kind::Manifest)
        && error.is_unsupported()
    {
        return Err(wrong(error));
    }
    if checksum(&bytes) != current.checksum {
        return Err(wrong(FormatError::bad(
            "file",
            "is not the one CURRENT names: its checksum differs",
        )));
    }
    let manifest = bytes_of::decode(&bytes).map_err(&wrong)?;
    if manifest.number != current.number {
        return Err(wrong(FormatError::bad(
            "state",
            "has another number than its file",
        )));
    }
    Ok(Some(manifest))
}

/// Makes `manifest` the current one. Refused unless its predecessor is current. The caller has made every
/// file that it names durable, name included.
///
/// A failure before the rename changes nothing, and the commit can be tried again. From the rename on
/// it is [`Uncertain`](StoreError::Uncertain).
pub(crate) fn commit(directory: &Directory, manifest: &Manifest) -> Result<(), StoreError> {
    commit_over(directory, manifest, Some(manifest.number.saturating_sub(1)))
}

/// [`commit`] that replaces manifest `before` (0: none), or any current manifest.
pub(crate) fn commit_over(
    directory: &Directory,
    manifest: &Manifest,
    before: Option<u64>,
) -> Result<(), StoreError> {
    if let Some(before) = before {
        expect(directory, before)?;
    }
    let path = directory.root.join(names::manifest(manifest.number));
    let state = bytes_of::encode(manifest).map_err(StoreError::format(&path))?;
    let lexical = bytes_of::encode_lexical(manifest).map_err(StoreError::format(&path))?;
    let number = FileNo(manifest.number);
    // Creating fails if the file exists: another writer is about to commit it.
    let mut segment = SegmentWriter::create(
        directory,
        path.clone(),
        Kind::Manifest,
        number,
        manifest.database,
    )?;
    segment.section(bytes_of::STATE, &state)?;
    if let Some(lexical) = lexical {
        segment.mandatory_section(bytes_of::LEXICAL_SPACES, &lexical)?;
    }
    segment.finish_unnamed()?;
    let committed = replace_current(directory, manifest.number, before);
    if let Err(error) = &committed
        && !matches!(error, StoreError::Uncertain { .. })
    {
        // Frees the number for the next commit, which fails if this does.
        let _ = directory.files.remove(&path);
    }
    committed
}

/// Makes CURRENT name a manifest that is written. Refused unless CURRENT names manifest `before`.
fn replace_current(
    directory: &Directory,
    number: u64,
    before: Option<u64>,
) -> Result<(), StoreError> {
    let path = directory.root.join(names::manifest(number));
    let bytes = directory
        .files
        .read(&path)
        .map_err(StoreError::io(IoAction::Read, &path))?;
    let current = Current {
        number,
        checksum: checksum(&bytes),
    };
    let next = directory.root.join(names::CURRENT_NEXT);
    match directory.files.remove(&next) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(StoreError::io(IoAction::Remove, &next)(error));
        }
        _ => {}
    }
    let mut file = directory
        .files
        .create_new(&next)
        .map_err(StoreError::io(IoAction::Create, &next))?;
    file.append(current.encode().as_bytes())
        .map_err(StoreError::io(IoAction::Write, &next))?;
    file.sync().map_err(StoreError::io(IoAction::Sync, &next))?;
    drop(file);
    // The names must be durable before CURRENT may refer to them.
    directory.sync_dir(&directory.root)?;
    let uncertain = StoreError::uncertain(WriteOperation::Commit);
    let target = directory.root.join(names::CURRENT);
    // Again, as late as possible.
    if let Some(before) = before {
        expect(directory, before)?;
    }
    let renamed = directory
        .files
        .rename(&next, &target)
        .map_err(StoreError::io(IoAction::Rename, &next));
    renamed.map_err(&uncertain)?;
    directory.sync_dir(&directory.root).map_err(uncertain)
}

/// Refuses to overwrite the commit of a second writer, which can get past the lock on a network file
/// system.
fn expect(directory: &Directory, committed: u64) -> Result<(), StoreError> {
    let path = directory.root.join(names::CURRENT);
    let found = match directory.files.read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        other => {
            let text = other.map_err(StoreError::io(IoAction::Read, &path))?;
            let current = Current::decode(&text).map_err(StoreError::format(&path))?;
            current.number
        }
    };
    if found == committed {
        return Ok(());
    }
    Err(StoreError::Superseded {
        path,
        found,
        committed,
    })
}
