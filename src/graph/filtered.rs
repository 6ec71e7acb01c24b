//! Filtered top-k search: rejected nodes are expanded too, but only accepted nodes are results.
//!
//! It finds `k` nodes if at least `k` accepted ones can be reached within the score budget. The lower the selectivity, the more of the graph
//! is walked. A node is tested when it is expanded, not when it is first seen: one test per expansion,
//! nearest first.

use super::beam::LONGEST;
use super::entry::entry_points;
use super::graph::Graph;
use super::node_scorer::NodeScorer;
use super::node_vectors::NodeVectors;
use super::params::BeamParams;
use super::scored_node::ScoredNode;
use super::scratch::Scratch;
use super::walk::Walk;
use std::ops::Range;

/// Decides which nodes may be results.
pub(crate) trait NodeFilter {
    /// Whether a node may be a result.
    fn accepts(&mut self, node: u32) -> bool;
    /// Prefetches part of what testing a node reads. `next` says that the node is probably tested
    /// next; otherwise it comes after that.
    fn prefetch(&self, node: u32, next: bool);
    /// Whether any of these nodes may be a result, as far as that is cheap to tell. Where nodes are searched in
    /// order, the others are skipped.
    fn accepts_some(&self, nodes: Range<u32>) -> bool;
}

impl<F: FnMut(u32) -> bool> NodeFilter for F {
    #[inline]
    fn accepts(&mut self, node: u32) -> bool {
        self(node)
    }

    #[inline]
    fn prefetch(&self, _: u32, _: bool) {}

    #[inline]
    fn accepts_some(&self, _: Range<u32>) -> bool {
        true
    }
}

/// The limits at which a filtered walk ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WalkLimits {
    /// Expected number of nodes expanded: the length of the first candidate queue.
    pub(crate) expansions: usize,
    /// Beam width: the walk ends once this many accepted nodes are found and no better node is queued.
    pub(crate) beam: usize,
    /// Maximum number of scores computed before the walk gives up.
    pub(crate) score_budget: u64,
}

impl WalkLimits {
    /// Limits of a walk with this beam width where most nodes are accepted: no score budget.
    pub(crate) fn for_beam(beam: usize) -> Self {
        Self {
            expansions: beam + beam / 4,
            beam,
            score_budget: u64::MAX,
        }
    }
}

/// As [`search`](super::search()), of accepted nodes only. `None` when the score budget was spent first.
pub(crate) fn search_filtered<'s, S: AsRef<[u32]>>(
    graph: &Graph<S>,
    vectors: &NodeVectors<'_>,
    params: &BeamParams<'_>,
    limits: WalkLimits,
    filter: &mut impl NodeFilter,
    scratch: &'s mut Scratch,
) -> Option<&'s [ScoredNode]> {
    let Scratch { query, walk } = scratch;
    let exact = vectors.row_scorer(params.query);
    let done = match vectors.code_scorer(params.query, query) {
        Some(codes) => {
            let done = walk_filtered(graph, &codes, params, limits, filter, walk);
            walk.rerank_beam(&codes, &exact, params.k);
            done
        }
        None => {
            let done = walk_filtered(graph, &exact, params, limits, filter, walk);
            walk.rerank_beam(&exact, &exact, params.k);
            done
        }
    };
    done.then_some(&walk.ranked)
}

/// Fills the beam with the best accepted nodes; false when the score budget was spent first.
pub(super) fn walk_filtered<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    scorer: &impl NodeScorer,
    params: &BeamParams<'_>,
    limits: WalkLimits,
    filter: &mut impl NodeFilter,
    walk: &mut Walk,
) -> bool {
    let nodes = scorer.count().min(graph.nodes);
    walk.reset(nodes, limits.expansions.clamp(1, LONGEST));
    walk.found.reset(limits.beam.max(params.k));
    if params.k == 0 || nodes == 0 {
        return true;
    }
    let before = walk.counters.scored;
    walk.visit(&entry_points(graph, scorer, nodes));
    loop {
        walk.score_batch(scorer, |walk, scored| {
            if walk.found.admits(scored) {
                walk.enqueue(scored);
            }
        });
        let Some(next) = walk.dequeue() else {
            break;
        };
        // The threshold counts once this walk came to where the best nodes are.
        let threshold = match walk.expanded_ahead() >= params.ef / 2 {
            true => params.threshold,
            false => f32::NEG_INFINITY,
        };
        let kth = walk.found.kth_score(params.k).max(threshold);
        if !walk.found.admits(next) || next.score < scorer.expansion_cutoff(kth) {
            break;
        }
        if walk.counters.scored - before > limits.score_budget {
            return false;
        }
        // A test reads several places, each of which tells where the next one is: one is prefetched
        // for each of the next two nodes.
        filter.prefetch(next.node, true);
        if let Some(after) = walk.beam.peek() {
            graph.prefetch(after.node);
            filter.prefetch(after.node, false);
        }
        walk.expand(graph, scorer, next.node);
        if filter.accepts(next.node) {
            walk.found.offer(next);
        }
    }
    std::mem::swap(&mut walk.beam, &mut walk.found);
    true
}
