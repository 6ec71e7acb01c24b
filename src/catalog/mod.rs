//! Writes that are acknowledged and not yet sealed: the journal (the write-ahead log) and its index,
//! which can be rebuilt from the journal at any time.
//!
//! A write is appended to the journal and synced, then added to the index, then acknowledged. Opening
//! reads the journal and compares the index with it write by write. On any difference, error or panic the
//! index is rebuilt from the journal. Nothing depends on sled's own flush, which is not durable on Linux.
//! A reader remembers how far it has read the journal ([`Tail`]), and later reads on from there.
//!
//! Each process writes journal files of its own: a writer starts a new one with its first write.
//! Revisions are dense, so that a lost file shows as a gap. A lost end of the last file shows in the
//! index, which takes a write in only after the journal has it: the index is then ahead.

#![warn(clippy::indexing_slicing)]

mod error;
mod fresh;
mod history;
mod index;
mod journal;
mod read_file;
mod recovery;
mod tail;

pub(crate) use error::{CatalogError, Loss};
pub(crate) use fresh::Fresh;
pub(crate) use history::ops_of;
pub(crate) use index::{Index, newer_in_index, newest, remove_index};
pub(crate) use journal::{Journal, write_closed};
pub(crate) use recovery::{Recovered, paths, read, recover, refuse_newer, unsealed};
pub(crate) use tail::Tail;
