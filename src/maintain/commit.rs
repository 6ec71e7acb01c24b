//! The commit: the one way to a new manifest.

use super::stopped::Stopped;
use super::writer::Writer;
use crate::error::Error;
use crate::snapshot::{Live, Snapshot};
use crate::store;

/// Makes a snapshot the current state: its manifest is made durable, then readers see it. All its
/// files are open and durable.
///
/// A failure of unknown outcome stops the writer. After any other one the commit can be tried again.
pub(super) fn commit(live: &Live, writer: &mut Writer, snapshot: Snapshot) -> Result<(), Error> {
    // Stands if a panic ends the commit.
    writer.stopped = Some(Stopped::Interrupted);
    let committed = store::commit(&live.directory, &snapshot.sealed.manifest);
    writer.stopped = None;
    committed.map_err(|error| writer.fail(error.into()))?;
    live.snapshot.store(snapshot.into());
    Ok(())
}
