//! Sealing: what is fresh becomes an immutable items segment.

use super::{Database, Sealed as Open};
use crate::error::Error;
use crate::files::names;
use crate::format::items::Row;
use crate::ids::Revision;
use crate::manifest::Sealed;
use crate::store::{self, ItemsWriter};

impl Database {
    /// Moves every acknowledged write out of the journal into an immutable segment; gives the
    /// revision up to which everything is sealed.
    ///
    /// # Errors
    /// [`Error::Io`] when a file cannot be written. Nothing is lost then, but the handle has to be
    /// opened again to write.
    pub fn seal(&self) -> Result<Revision, Error> {
        let mut writer = self.writer()?;
        let revision = writer.journal.last();
        let before = self.sealed.load_full();
        if revision == before.manifest.sealed {
            return Ok(revision);
        }
        // Whatever fails from here on, the files made so far are in the way of another try.
        writer.poisoned = true;
        let fresh = self.index.all();
        let mut rows: Vec<_> = fresh.iter().collect();
        rows.sort_unstable_by_key(|(_, fresh)| fresh.item);
        let mut segment =
            ItemsWriter::create(&self.directory, writer.number(), before.manifest.database)?;
        for (id, fresh) in rows {
            segment.push(&Row {
                item: fresh.item,
                revision: fresh.revision,
                id,
                record: fresh.record.as_deref(),
            })?;
        }
        let sealed = Sealed {
            segment: Some(segment.finish()?),
            revision,
            next_item: writer.next_item,
        };
        self.directory
            .sync_dir(&self.directory.root.join(names::SEGMENTS))?;
        let next = before.manifest.with_sealed(&sealed, writer.next_file)?;
        let open = Open::open(&self.directory, next)?;
        store::commit(&self.directory, &open.manifest)?;
        self.sealed.store(open.into());
        writer.journal.drop_sealed(revision);
        self.index.drop_sealed(revision);
        writer.poisoned = false;
        Ok(revision)
    }
}
