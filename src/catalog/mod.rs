//! What is acknowledged and not yet sealed: the journal, which is the truth, and sled's index of
//! it, which can be thrown away at any time.
//!
//! A write is appended to the journal and synced, then put into the index, then acknowledged. The
//! journal is read when the database opens and compared with the index row by row; on any
//! difference, refusal or panic the index is built again from the journal. sled's own flush gives
//! no durability on Linux, which is why nothing here depends on it.
//!
//! Files are never appended to by a second process: a writer that opens starts a new journal file
//! with its first write. Revisions are dense, so a lost file shows as a gap. The last file could
//! lose its end unseen; but the index takes a write in only after the journal has it, so that an
//! index ahead of the journal tells of the loss.

mod index;
mod journal;

pub(crate) use index::{Index, newer_in_index, newest, remove_index};
pub(crate) use journal::{Journal, Recovered, paths, read, recover, unsealed, write_closed};

use crate::format::Damage;
use crate::format::journal::Op;
use crate::store::StoreError;
use bincode::{Decode, Encode};
use std::path::PathBuf;
use thiserror::Error;
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

/// Damage in the journal.
#[derive(Debug)]
pub(crate) struct Loss {
    /// The file.
    pub(crate) path: PathBuf,
    /// The section of the file.
    pub(crate) section: &'static str,
    /// What is wrong with it.
    pub(crate) what: Damage,
    /// The first and last revision that were acknowledged and are lost, if any.
    pub(crate) lost: Option<(Revision, Revision)>,
}

/// A journal that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum CatalogError {
    /// A file of it cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is damaged.
    #[error("{}: {}: {}", .0.path.display(), .0.section, .0.what)]
    Lost(Loss),
}
