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

mod error;
mod fresh;
mod index;
mod journal;

pub(crate) use error::{CatalogError, Loss};
pub(crate) use fresh::Fresh;
pub(crate) use index::{Index, newer_in_index, newest, remove_index};
pub(crate) use journal::{Journal, Recovered, paths, read, recover, unsealed, write_closed};
