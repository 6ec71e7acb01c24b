//! The index of a segment, of one of two kinds: an HNSW [graph](crate::graph), or
//! [partitions](crate::partitions). Both search the same rows and codes, and answer the same calls.
//!
//! A graph expands few nodes, each of which costs some random reads. Partitions read many codes in order. Which
//! kind finds more in a microsecond depends on the vectors, so a publish can measure both.

mod kind;

pub use kind::{IndexChoice, IndexKind, IndexReason, IndexTimes};

use crate::graph::{
    self, BeamParams, Graph, NodeFilter, NodeVectors, ScoredNode, SearchCounters, WalkLimits,
};
use crate::partitions::{self, LeafScratch, OwnedPartitions, Partitions};

/// The index over the nodes of a segment, as a view of its arrays.
#[expect(
    clippy::large_enum_variant,
    reason = "a view is made for each search, which allocates nothing"
)]
#[derive(Clone, Debug)]
pub(crate) enum Index<'a> {
    /// An HNSW graph.
    Graph(Graph<&'a [u32]>),
    /// Leaves around centroids.
    Partitions(Partitions<'a>),
}

/// An index that was just built.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
#[derive(Debug)]
pub(crate) enum OwnedIndex {
    /// An HNSW graph.
    Graph(Graph<Vec<u32>>),
    /// Leaves around centroids.
    Partitions(OwnedPartitions),
}

/// Scratch buffers for searches, one after another, of any index. After the first few searches nothing is
/// allocated.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Of graphs and re-ranks.
    pub(crate) graph: graph::Scratch,
    leaves: LeafScratch,
}

impl Scratch {
    /// What searches did since these counters were reset.
    pub(crate) fn counters(&mut self) -> &mut SearchCounters {
        self.graph.counters()
    }
}

impl Index<'_> {
    /// The nodes found by a search of width `ef`, with exact scores: best first, ties by node. The `k` best are
    /// among them. All others that were re-ranked follow.
    pub(crate) fn search<'s>(
        &self,
        vectors: &NodeVectors<'_>,
        params: &BeamParams<'_>,
        scratch: &'s mut Scratch,
    ) -> &'s [ScoredNode] {
        let Scratch { graph, leaves } = scratch;
        match self {
            Self::Graph(index) => {
                let ef = params.beam();
                graph::search(index, vectors, &BeamParams { ef, ..*params }, graph)
            }
            Self::Partitions(index) => {
                let all = &mut |_: u32| true;
                partitions::search(index, vectors, params, all, leaves, graph)
            }
        }
    }

    /// As [`search`](Self::search), of accepted nodes only. The limits hold for a walk over a graph; `None` when
    /// it spent its score budget first. Partitions are searched with the width `ef`.
    pub(crate) fn search_filtered<'s>(
        &self,
        vectors: &NodeVectors<'_>,
        params: &BeamParams<'_>,
        limits: WalkLimits,
        filter: &mut impl NodeFilter,
        scratch: &'s mut Scratch,
    ) -> Option<&'s [ScoredNode]> {
        let Scratch { graph, leaves } = scratch;
        match self {
            Self::Graph(index) => {
                let params = &BeamParams {
                    ef: params.beam(),
                    ..*params
                };
                graph::search_filtered(index, vectors, params, limits, filter, graph)
            }
            Self::Partitions(index) => Some(partitions::search(
                index, vectors, params, filter, leaves, graph,
            )),
        }
    }

    /// The accepted nodes that score `least` or more, with exact scores: best first, ties by node. A graph may
    /// miss some; `ef` is its beam width. Partitions miss none.
    pub(crate) fn search_radius<'s>(
        &self,
        vectors: &NodeVectors<'_>,
        ball: (&[f32], f32),
        ef: usize,
        filter: &mut impl NodeFilter,
        scratch: &'s mut Scratch,
    ) -> &'s [ScoredNode] {
        let Scratch { graph, leaves } = scratch;
        match self {
            Self::Graph(index) => {
                let accept = |node| filter.accepts(node);
                graph::search_radius(index, vectors, ball, ef, accept, graph)
            }
            Self::Partitions(index) => {
                partitions::search_radius(index, vectors, ball, filter, leaves, graph)
            }
        }
    }
}
