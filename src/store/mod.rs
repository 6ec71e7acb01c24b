//! Stored files: the bytes of `format`, written and opened through `files`.
//!
//! A writer is consumed by its `finish`, which makes content and name durable. A writer that is dropped
//! without it removes its file; after a crash, collection removes the file. Errors add the path to what `format`
//! found.

#![warn(clippy::indexing_slicing)]

mod current;
mod directory;
mod error;
mod gc;
mod index_sections;
mod items;
mod segment;
mod space;
mod towers;

pub(crate) use current::{commit, commit_over, load};
pub(crate) use directory::Directory;
pub(crate) use error::StoreError;
pub use error::WriteOperation;
pub(crate) use gc::{collect, garbage, highest_number};
pub(crate) use items::{ItemsSegment, ItemsWriter, SegmentIndex};
pub(crate) use segment::{RESERVED, fresh_identity};
pub(crate) use space::{SpaceContent, SpaceSegment, write_space};
pub(crate) use towers::{open_towers, read_towers, verify_towers, write_towers};
