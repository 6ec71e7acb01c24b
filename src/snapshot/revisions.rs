//! The versions of one item that are still stored.

use super::record::parse;
use super::state::Snapshot;
use crate::catalog::ops_of;
use crate::error::Error;
use crate::store::Directory;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use twinspire_core::files::names;
use twinspire_core::ids::Revision;

/// A version of an item that is still stored; see [`Items::revisions`](crate::Items::revisions).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ItemRevision {
    /// The revision of the write.
    pub revision: Revision,
    /// The record that was put; `None` if the item was deleted.
    pub record: Option<Value>,
    /// Whether a later write replaced this version. [`Items::get`](crate::Items::get) returns the version that is not
    /// replaced.
    pub replaced: bool,
    /// Whether the version is in an items segment. Others are in the journal.
    pub sealed: bool,
}

impl Snapshot {
    /// The stored versions of an id up to this state, newest first.
    pub(crate) fn revisions(
        &self,
        directory: &Directory,
        id: &str,
    ) -> Result<Vec<ItemRevision>, Error> {
        let Some(item) = self.find_item(id)? else {
            return Ok(Vec::new());
        };
        let mut found: Vec<ItemRevision> = Vec::new();
        let mut add = |revision: Revision, text: Option<&[u8]>, path: &Path, sealed: bool| {
            // The journal may have newer versions than this state, and repeats its newest one.
            if found.last().is_none_or(|newer| newer.revision > revision) {
                found.push(ItemRevision {
                    revision,
                    record: text.map(|text| parse(path, id, text)).transpose()?,
                    replaced: !found.is_empty(),
                    sealed,
                });
            }
            Ok::<(), Error>(())
        };
        let journal = Path::new(names::JOURNAL);
        if let Some(fresh) = self.fresh.get(item) {
            let newest = &fresh.version;
            add(newest.revision, newest.record.as_deref(), journal, false)?;
            let manifest = &self.sealed.manifest;
            let older = ops_of(directory, manifest.database, manifest.sealed, item)?;
            for (revision, op) in older.iter().rev() {
                add(*revision, op.record.as_deref(), journal, false)?;
            }
        }
        for segment in self.sealed.items.iter().rev() {
            if let Some(row) = segment.find_item(item)? {
                add(row.revision, row.record, segment.path(), true)?;
            }
        }
        Ok(found)
    }
}
