//! Older versions of one item that journal files still hold.

use super::recovery::{open_journal, paths};
use crate::format::journal::{Journal, Op};
use crate::store::{Directory, StoreError};
use std::io::ErrorKind;
use twinspire_core::ids::{ItemNo, Revision};

/// The operations on an item in the journal files above revision `sealed`, in order of revision. Leaves out files that a
/// seal removes meanwhile, and damaged frames, which opening and `check` report.
pub(crate) fn ops_of(
    directory: &Directory,
    database: u64,
    sealed: Revision,
    item: ItemNo,
) -> Result<Vec<(Revision, Op)>, StoreError> {
    let mut found: Vec<(Revision, Op)> = Vec::new();
    for path in paths(directory)? {
        let journal = match open_journal(directory, &path) {
            Ok((_, journal)) => journal,
            Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let is_other = |journal: &Journal| matches!(&journal.header, Some(Ok(header)) if header.database != database);
        let Some(journal) = journal.filter(|journal| !is_other(journal)) else {
            continue;
        };
        for frame in journal.frames {
            let ops = (frame.first.0..).map(Revision).zip(frame.ops);
            found.extend(ops.filter(|(revision, op)| op.item == item && *revision > sealed));
        }
    }
    found.sort_by_key(|(revision, _)| *revision);
    found.dedup_by_key(|(revision, _)| *revision);
    Ok(found)
}
