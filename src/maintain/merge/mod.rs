//! Merging: several segments become one, without overwritten rows and old tombstones.
//!
//! [`plan`] decides which segments; it sees only row counts. [`items`] merges items segments, [`space`]
//! the segments of a space's active generation. Both write the output while puts and seals go on: a
//! seal only appends segments, so that the inputs still stand side by side at the commit.

mod items;
mod plan;
mod run;
mod space;

pub(crate) use items::index_texts;
pub(crate) use plan::Extent;
pub(crate) use run::{merge, merge_beyond_bound};
