//! An unsealed version of an item.

use crate::format::journal::Op;
use bincode::{Decode, Encode};
use twinspire_core::ids::{ItemNo, Revision};

/// The newest unsealed version of an item.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
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
        let since = match before {
            Some(Self { record: None, .. }) if op.record.is_some() => revision,
            Some(before) => before.since,
            None => Revision(0),
        };
        Self {
            item: op.item,
            revision,
            since,
            record: op.record,
        }
    }
}
