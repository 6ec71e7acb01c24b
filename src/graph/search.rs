//! Top-k search: a greedy walk on the upper layers, a beam on the base (algorithm 2 of the HNSW paper).
//!
//! Where there are codes the walk scores those, and what it found is re-ranked by exact scores, as far
//! down as the codes may be wrong. The walk ends early where the nearest candidate is much farther than
//! the k-th best (Al-Jazzazi et al., 2025, <https://arxiv.org/abs/2505.15636>).
//!
//! Ids come from files, so each is checked against the number of rows before it is used. A bad id costs
//! recall, never a panic.

use super::beam::LONGEST;
use super::entry::entry_points;
use super::filtered::{WalkLimits, walk_filtered};
use super::graph::Graph;
use super::node_scorer::NodeScorer;
use super::node_vectors::NodeVectors;
use super::params::BeamParams;
use super::scored_node::ScoredNode;
use super::scratch::Scratch;
use super::walk::Walk;

/// The nodes found by a beam of width `ef`, at least `k`, with exact scores: best first, ties by node.
/// The `k` best are among them. All others that were re-ranked follow.
pub(crate) fn search<'s, S: AsRef<[u32]>>(
    graph: &Graph<S>,
    vectors: &NodeVectors<'_>,
    params: &BeamParams<'_>,
    scratch: &'s mut Scratch,
) -> &'s [ScoredNode] {
    let Scratch { query, walk } = scratch;
    let exact = vectors.row_scorer(params.query);
    match vectors.code_scorer(params.query, query) {
        Some(codes) => {
            walk_beam(graph, &codes, params, walk);
            walk.rerank_beam(&codes, &exact, params.k);
        }
        None => {
            walk_beam(graph, &exact, params, walk);
            walk.rerank_beam(&exact, &exact, params.k);
        }
    }
    &walk.ranked
}

/// Fills the beam with the best nodes.
fn walk_beam<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    scorer: &impl NodeScorer,
    params: &BeamParams<'_>,
    walk: &mut Walk,
) {
    if params.ef.max(params.k) > LONGEST {
        let limits = WalkLimits::for_beam(params.ef);
        walk_filtered(graph, scorer, params, limits, &mut |_: u32| true, walk);
        return;
    }
    let nodes = scorer.count().min(graph.nodes);
    walk.reset(nodes, params.ef.max(params.k));
    if params.k == 0 || nodes == 0 {
        return;
    }
    walk.visit(&entry_points(graph, scorer, nodes));
    loop {
        walk.score_batch(scorer, |walk, scored| walk.beam.offer(scored));
        let Some(next) = walk.beam.next_to_expand(params, scorer) else {
            break;
        };
        // Most often the second best is next: its links are prefetched before this one's are read.
        if let Some(after) = walk.beam.peek() {
            graph.prefetch(after.node);
        }
        walk.expand(graph, scorer, next.node);
    }
}
