//! Writing: puts, seals, publishes and rollbacks, each one a new state that replaces the old whole.
//!
//! All of them hold the [`Writer`], of which there is one. A publish gives it back while it embeds
//! and builds, so that puts go on meanwhile, and takes it again to catch up and commit. An operation
//! that fails between its first change on disk and its commit leaves the writer poisoned: what took
//! place is known again only after reopening.

mod publish;
mod rollback;
mod seal;
mod write;

pub(crate) use publish::{Publish, Stage, publish};
pub(crate) use rollback::rollback;
pub(crate) use seal::seal;
pub(crate) use write::write;

use crate::catalog::Journal;
use crate::error::Error;
use crate::ids::{FileNo, ItemNo};
use crate::manifest::Manifest;
use crate::snapshot::{Live, Snapshot};
use crate::store;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What only the thread that writes may touch.
pub(crate) struct Writer {
    /// Where writes are acknowledged.
    pub(crate) journal: Journal,
    /// The next item number to give.
    pub(crate) next_item: ItemNo,
    /// The next file number to give.
    pub(crate) next_file: FileNo,
    /// Whether an operation failed midway.
    pub(crate) poisoned: bool,
}

impl Writer {
    /// A file number never used before.
    fn number(&mut self) -> FileNo {
        let number = self.next_file;
        self.next_file = FileNo(number.0 + 1);
        number
    }
}

/// The writer, if it may still write.
pub(crate) fn lock(writer: &Mutex<Writer>) -> Result<MutexGuard<'_, Writer>, Error> {
    let writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
    if writer.poisoned {
        Err(Error::Poisoned)
    } else {
        Ok(writer)
    }
}

/// The one way to a new manifest: durable first, then seen by readers. `next` sees the manifest
/// that became current. The writer must have been marked as poisoned, and is not any more after
/// success.
fn commit(
    live: &Live,
    writer: &mut Writer,
    manifest: &Manifest,
    next: impl FnOnce() -> Result<Snapshot, Error>,
) -> Result<(), Error> {
    let snapshot = next()?;
    store::commit(&live.directory, manifest)?;
    live.snapshot.store(snapshot.into());
    writer.poisoned = false;
    Ok(())
}
