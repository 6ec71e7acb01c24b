//! Removing many items: those that pass a filter, or those that a new catalogue lacks.
//!
//! Which items go is found without a lock. Each is looked at once more under the writer's lock, right
//! before it is deleted: one that was written meanwhile stays. The deletes are written in calls of
//! [`CALL_ITEMS`], each whole or not at all. A crash between two calls leaves the later items where they
//! are, and the same removal, run again, finishes it.

use super::put::{Change, write_due};
use super::writing::Writing;
use crate::error::Error;
use crate::snapshot::{Live, Snapshot};
use std::collections::HashSet;
use twinspire_core::ids::{ItemNo, Revision};

/// Number of deletes in one call.
const CALL_ITEMS: usize = 10_000;

/// Deletes the items of these ids that exist and are due. Returns their number.
pub(crate) fn remove(
    live: &Live,
    writing: &Writing,
    ids: &[impl AsRef<str>],
    is_due: impl Fn(&Snapshot, &str) -> Result<bool, Error>,
) -> Result<u64, Error> {
    let mut removed = 0;
    for ids in ids.chunks(CALL_ITEMS) {
        let deletes = ids.iter().map(|id| Change {
            id: id.as_ref(),
            record: None,
        });
        let deletes: Vec<Change<'_>> = deletes.collect();
        let written = write_due(live, writing, &deletes, |state, change| {
            Ok(state.revision(change.id)?.is_some() && is_due(state, change.id)?)
        })?;
        removed += written.changes as u64;
    }
    Ok(removed)
}

/// The items that were last written up to a revision.
#[derive(Debug, Default)]
pub(crate) struct Outdated {
    /// The ids of those that are not kept.
    pub(crate) ids: Vec<String>,
    /// Number of all items of the database.
    pub(crate) items: u64,
}

/// The items last written up to `until` that are not in `kept`.
pub(crate) fn outdated(
    live: &Live,
    until: Revision,
    kept: &HashSet<ItemNo>,
) -> Result<Outdated, Error> {
    let mut found = Outdated::default();
    let mut add = |item, revision, id: &str| {
        found.items += 1;
        if revision <= until && !kept.contains(&item) {
            found.ids.push(id.to_owned());
        }
    };
    let snapshot = live.snapshot.load_full();
    for fresh in snapshot.fresh.iter() {
        let version = &fresh.version;
        if version.record.is_some() {
            add(version.item, version.revision, &fresh.id);
        }
    }
    for (item, (segment, row)) in snapshot.sealed.newest(Revision(0)) {
        let row = segment.row(row)?;
        if row.record.is_some() && snapshot.fresh.get(item).is_none() {
            add(item, row.revision, row.id);
        }
    }
    Ok(found)
}
