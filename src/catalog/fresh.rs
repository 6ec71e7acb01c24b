//! Unsealed versions of items.

use crate::format::journal::Op;
use bincode::{Decode, Encode};
use twinspire_core::ids::{ItemNo, Revision};

/// The newest unsealed version of an item.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Fresh {
    /// The item.
    pub(crate) item: ItemNo,
    /// Of this version.
    pub(crate) revision: Revision,
    /// When it was put again after a delete that is not sealed either; 0 if it never was.
    pub(crate) since: Revision,
    /// Its record as JSON text; none when it was deleted.
    pub(crate) record: Option<Vec<u8>>,
}

impl Fresh {
    /// What an operation on an id makes of what there was of it.
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
