//! What readers see: one consistent state of the database, replaced as a whole.
//!
//! A [`Snapshot`] is the sealed state ([`Sealed`]: a manifest and its open files), the unsealed items
//! ([`FreshItems`]) and, for each space, what it serves ([`Serving`]): the open generation ([`Base`]:
//! towers and segments) and the [`Overlay`] of vectors written after the generation's cut. Unsealed items
//! and overlays are persistent: the next snapshot shares all that did not change. Writers build the next
//! snapshot and store it in [`Live`]. Readers load one and keep it as long as they need it; they never wait.

#![warn(clippy::indexing_slicing)]

mod base;
mod batches;
mod catch_up;
mod confidence;
mod filter_cache;
mod fresh_ids;
mod fresh_items;
mod item_ids;
mod known_fields;
mod lazy_model;
mod live;
mod measure;
mod numbers;
mod overlay;
mod parts;
mod recalls;
mod record;
mod reservoir;
mod revisions;
mod sealed;
mod serving;
mod simulate;
mod slot_set;
mod state;
mod text_indexes;
mod vector_block;
mod version_log;

pub(crate) use base::Base;
pub(crate) use batches::in_batches;
pub(crate) use catch_up::{ProgressFn, WriteState, catch_up, embed};
pub(crate) use filter_cache::{CacheLookup, FilterCache, MAX_SELECTION_BYTES, Passing};
pub(crate) use fresh_items::{FreshBlock, FreshItem, FreshItems};
pub(crate) use item_ids::ItemIds;
pub(crate) use known_fields::known_fields;
#[cfg(test)]
pub(crate) use lazy_model::LazyModel;
pub(crate) use live::Live;
pub(crate) use measure::{QuerySample, measure, search_micros};
pub(crate) use numbers::NumberField;
pub(crate) use overlay::{Overlay, SpaceVersion};
pub(crate) use parts::{Part, count_vectors};
pub(crate) use recalls::{has_recalled, note_recall};
pub(crate) use record::parse;
pub use revisions::ItemRevision;
pub(crate) use sealed::Sealed;
pub(crate) use serving::{Serving, Spaces, fuse};
pub(crate) use simulate::{Simulation, sample_size, simulate};
pub(crate) use slot_set::SlotSet;
pub(crate) use state::Snapshot;
pub(crate) use text_indexes::TextIndexes;
pub(crate) use vector_block::VectorBlock;
pub(crate) use version_log::Shared;
