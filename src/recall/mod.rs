//! Reading: from a query to ranked items, on one snapshot and without a lock.
//!
//! A recall has two halves. [`Query`] says what to search for: a user, a vector or an item.
//! [`SearchParams`] says how: how many items, how exactly, with which filters. [`run`] and [`run_one`]
//! take both, and a [`View`] of one state:
//!
//! 1. [`search`] resolves names, excluded ids and filters against the snapshot, once for all queries ([`batch`]).
//! 2. [`query_vectors`] makes the query vectors, with the user tower of the generation that is searched.
//! 3. [`space_search`] scans the overlay of fresh items ([`fresh_scan`]) and searches each segment. Nodes whose
//!    item was written since the cut are hidden: the newer version is in the overlay.
//! 4. Under a filter, [`plan`] chooses for each segment between scans and a graph search, and
//!    [`filtered_segment`] carries the plan out.
//! 5. An ensemble searches each of its spaces in this way, and [`fusion`] ranks the items by their fused
//!    scores.
//!
//! [`shard`] merges the answers of several databases with different items.
//!
//! [`passing`] lists the items that pass a filter, without a search.
//!
//! [`mine`] runs the same searches for training pairs, and [`compare`] compares two answers. [`explain`]
//! describes how an answer was found; it never changes the answer or the work.

mod batch;
mod compare;
mod excluded;
mod explain;
mod filter_tree;
mod filtered_segment;
mod fresh_filter;
mod fresh_scan;
mod fusion;
mod given_users;
mod hits;
mod item_vectors;
mod lexical_space;
mod meter;
mod mine;
mod node_hits;
mod pages;
mod params;
mod passing;
mod plan;
mod promise;
mod query;
mod query_vector;
mod query_vectors;
mod radius;
mod ranks;
mod resolved_filter;
mod sample;
mod scratch;
mod search;
mod shard;
mod space_query;
mod space_search;
mod stage;
mod top_k;
mod trace;
mod user_stream;
mod view;

pub(crate) use batch::{run, run_each};
pub use compare::{ComparedItem, ComparedRank, Comparison, ComparisonSummary, RankChange};
pub use explain::{
    Explain, FusionStep, FusionStepKind, SegmentPlan, SegmentSearch, SpaceSearch, StageMicros,
    WordSearch, WordTerm,
};
pub(crate) use given_users::{given_queries, made_up_users, may_read_histories};
pub use hits::{Hit, Hits};
pub(crate) use item_vectors::{item_vectors, known_vectors};
pub(crate) use mine::{MineParams, mine};
pub(crate) use params::SearchParams;
pub(crate) use passing::passing;
#[cfg(test)]
pub(crate) use plan::{Plan, with_plan};
pub use promise::{Promise, UnmeasuredReason};
pub(crate) use query::{BatchInputs, Query, QueryInput};
pub(crate) use query_vectors::embed_shown;
pub(crate) use search::{run_one, run_shard};
pub use shard::{Merged, ShardHits, ShardStatistics, merge};
pub(crate) use user_stream::run_stream;
pub(crate) use view::View;
