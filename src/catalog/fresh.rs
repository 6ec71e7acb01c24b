//! An unsealed version of an item.

use crate::format::journal::Op;
use twinspire_core::ids::{ItemNo, Revision};

/// The newest unsealed version of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fresh {
    /// The item.
    pub(crate) item: ItemNo,
    /// Revision of this version.
    pub(crate) revision: Revision,
    /// Revision of the first put after the last delete, if that delete is unsealed; otherwise 0.
    pub(crate) since: Revision,
    /// The record as JSON text. None for a tombstone.
    pub(crate) record: Option<Vec<u8>>,
}

impl Fresh {
    /// The version of an id after an operation on it.
    pub(crate) fn after(before: Option<&Self>, revision: Revision, op: Op) -> Self {
        Self::put(before, revision, op.item, op.record)
    }

    /// The version of an item after a put of a record, or a delete.
    pub(crate) fn put(
        before: Option<&Self>,
        revision: Revision,
        item: ItemNo,
        record: Option<Vec<u8>>,
    ) -> Self {
        let since = match before {
            Some(Self { record: None, .. }) if record.is_some() => revision,
            Some(before) => before.since,
            None => Revision(0),
        };
        Self {
            item,
            revision,
            since,
            record,
        }
    }
}
