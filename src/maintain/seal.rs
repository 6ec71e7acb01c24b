//! Sealing: what is fresh becomes an immutable items segment.

use super::{Writer, commit};
use crate::error::Error;
use crate::files::names;
use crate::format::items::Row;
use crate::ids::Revision;
use crate::manifest::Sealed as Change;
use crate::snapshot::{Live, Sealed, Snapshot};
use crate::store::ItemsWriter;

/// Moves every acknowledged write out of the journal into a segment; gives the revision up to which
/// everything is sealed.
pub(crate) fn seal(live: &Live, writer: &mut Writer) -> Result<Revision, Error> {
    let revision = writer.journal.last();
    let before = live.snapshot.load_full();
    let manifest = &before.sealed.manifest;
    if revision == manifest.sealed {
        return Ok(revision);
    }
    // Whatever fails from here on, the files made so far are in the way of another try.
    writer.poisoned = true;
    let fresh = live.index.all();
    let mut rows: Vec<_> = fresh.iter().collect();
    rows.sort_unstable_by_key(|(_, fresh)| fresh.item);
    let mut segment = ItemsWriter::create(&live.directory, writer.number(), manifest.database)?;
    for (id, fresh) in rows {
        segment.push(&Row {
            item: fresh.item,
            revision: fresh.revision,
            id,
            record: fresh.record.as_deref(),
        })?;
    }
    let change = Change {
        segment: Some(segment.finish()?),
        revision,
        next_item: writer.next_item,
    };
    let segments = live.directory.root.join(names::SEGMENTS);
    live.directory.sync_dir(&segments)?;
    let next = manifest.with_sealed(&change, writer.next_file)?;
    commit(live, writer, &next, || {
        let sealed = Sealed::open(&live.directory, next.clone())?;
        Ok(Snapshot {
            sealed: sealed.into(),
            spaces: before.spaces.clone(),
        })
    })?;
    writer.journal.drop_sealed(revision);
    live.index.drop_sealed(revision);
    Ok(revision)
}
