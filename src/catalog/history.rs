//! Older versions of one item that journal files still hold.

use super::recovery::paths;
use crate::format::journal::{self as bytes_of, Op};
use crate::store::{Directory, StoreError};
use std::io::ErrorKind;
use twinspire_core::files::IoAction;
use twinspire_core::ids::{ItemNo, Revision};

/// The operations on an item in the journal files above revision `sealed`, in order of revision. Files that a seal
/// removes meanwhile are left out, and so are damaged frames, which opening and `check` report.
pub(crate) fn ops_of(
    directory: &Directory,
    database: u64,
    sealed: Revision,
    item: ItemNo,
) -> Result<Vec<(Revision, Op)>, StoreError> {
    let mut found: Vec<(Revision, Op)> = Vec::new();
    for path in paths(directory)? {
        let blob = match directory.files.open(&path) {
            Ok(blob) => blob,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(StoreError::io(IoAction::Open, &path)(error)),
        };
        let Some(journal) = bytes_of::decode(&blob) else {
            continue;
        };
        if let Some(newer) = journal.unsupported {
            return Err(StoreError::format(&path)(newer));
        }
        if let Some(Ok(header)) = journal.header
            && header.database != database
        {
            continue;
        }
        for frame in journal.frames {
            let ops = (frame.first.0..).map(Revision).zip(frame.ops);
            found.extend(ops.filter(|(revision, op)| op.item == item && *revision > sealed));
        }
    }
    found.sort_by_key(|(revision, _)| *revision);
    found.dedup_by_key(|(revision, _)| *revision);
    Ok(found)
}
