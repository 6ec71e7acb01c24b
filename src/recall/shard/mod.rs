//! Answers over several databases with different items: shards.
//!
//! ```text
//! query ─┬─ shard 1: lists and scores ─┐              ┌─ hits
//!        ├─ shard 2: …                 ├─ merge ──────┼─ figures of all shards: ask again with them
//!        └─ shard n: …                 ┘              └─ vectors to compare: merge again with them
//! ```
//!
//! - A shard answers with [`ShardHits`]: what it contributes, and what it was asked.
//! - [`merge`] checks that the contributions belong together and makes the answer that one database with all items would
//!   give. The score of a weighted sum depends on an item alone: shards rank, lists are merged. Methods that fuse lists
//!   get [`GatheredLists`], and run the code that fuses the lists of one database.
//! - Where scores depend on all items, the first round gathers [`ShardStatistics`]: the frequencies of words, the lists
//!   that give the scales of normalised scores.
//!
//! Out of scope: how requests and answers travel, and which shard has which item.

mod bytes;
mod gathered_lists;
mod merge;
mod shard_hits;
mod shard_statistics;

pub use merge::{Merged, merge};
pub use shard_hits::ShardHits;
pub(super) use shard_hits::{Request, Round};
pub use shard_statistics::ShardStatistics;
