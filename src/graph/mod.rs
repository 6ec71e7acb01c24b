//! The HNSW graph (Malkov and Yashunin, 2016, <https://arxiv.org/abs/1603.09320>) as plain arrays:
//! building it, searching it, and the quantised vectors a search reads.
//!
//! [`Graph`] is generic over its storage: a `Graph<Vec<u32>>` has just been built, a `Graph<&[u32]>`
//! is a view of a mapped file. Nodes are numbers. Which item a node stands for, and which file the
//! arrays come from, is not known here.
//!
//! # Layout
//! Each link list has a fixed number of slots, its *stride*: neighbours first, then
//! [`NO_NODE`](links::NO_NODE). The base layer has one list per node, in node order. An upper layer has
//! one list per *member*, and its links are member indices of the same layer, so that walking a layer
//! needs no look-up. `nodes[i]` is the node of member `i`. `down[i]` is its index in the layer below;
//! for the lowest upper layer that is the node itself.
//!
//! A search starts at `entry`: a member of the top layer, or a node where there is no upper layer.
//! Nodes can be renumbered at will.
//!
//! # Parts
//! - `graph`, `links`, `integrity`: the arrays, one link list, and the check of a stored graph.
//! - `builder` picks one of two builders: `batches`, our own, and `reference`, by the crate
//!   `instant-distance`. `geometry` is what `batches` compares nodes by. `repair` makes every node reachable; `renumber` puts neighbours side by side.
//! - `rows`, `code_book`, `codes`, `node_vectors`: full vectors, their codes of one byte per component,
//!   and both together. `code_choice` decides by measurement whether codes serve, and whether of vectors
//!   that went through a `rotation`. `node_scorer`, `row_scorer` and `code_scorer` score nodes for a query by either.
//! - `search` (top k), `filtered` (top k of accepted nodes), `radius` (all above a score), `rerank` (top
//!   k of given candidates; `radius` has the same for a score) and `exact` (brute force) are the searches. They share `scratch`: the
//!   buffers of a `walk`, that is a `beam`, the `visited` set and a `candidate_pool`.

mod batches;
mod beam;
mod builder;
mod candidate_pool;
mod code_book;
mod code_choice;
mod code_scorer;
mod codes;
mod entry;
mod error;
mod exact;
mod filtered;
mod geometry;
mod graph;
mod integrity;
mod links;
mod node_scorer;
mod node_vectors;
mod params;
mod radius;
mod reference;
mod renumber;
mod repair;
mod rerank;
mod rotation;
mod row_scorer;
mod rows;
mod scored_node;
mod scratch;
mod search;
#[cfg(test)]
mod tests;
mod top_k;
mod visited;
mod walk;

pub use builder::GraphBuilder;
pub(crate) use builder::build;
pub(crate) use code_book::{CodeBook, code_stride};
pub(crate) use codes::{Codes, OwnedCodes};
pub use error::GraphError;
pub(crate) use exact::search_exact;
pub(crate) use filtered::{NodeFilter, WalkLimits, search_filtered};
pub(crate) use graph::{Graph, Layer};
pub(crate) use node_vectors::NodeVectors;
pub use params::DEFAULT_EF;
pub(crate) use params::{BeamParams, Margin};
pub(crate) use radius::{rerank_radius, search_radius};
pub(crate) use rerank::rerank;
pub(crate) use rows::{Rows, StoredRows, equal_rows};
pub(crate) use scored_node::ScoredNode;
pub(crate) use scratch::Scratch;
pub(crate) use search::search;
pub(crate) use walk::SearchCounters;
