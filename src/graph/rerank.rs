//! Ranking of given candidates, without a graph.

use super::node_scorer::NodeScorer;
use super::node_vectors::NodeVectors;
use super::params::{BeamParams, Margin};
use super::scored_node::ScoredNode;
use super::scratch::Scratch;
use super::walk::Walk;

/// Prefetch distance, in candidates.
const PREFETCHED: usize = 8;

/// The best `k` of some candidates, with exact scores: best first, ties by node. Other candidates that
/// were re-ranked follow.
///
/// Each candidate is scored by its codes, if there are any. Those that may be among the best by their
/// codes are scored exactly: with [`Margin::Proven`] none of the best is missed. Candidates that cannot exceed the threshold
/// may be left out.
pub(crate) fn rerank<'s>(
    vectors: &NodeVectors<'_>,
    params: &BeamParams<'_>,
    candidates: impl Iterator<Item = u32>,
    scratch: &'s mut Scratch,
) -> &'s [ScoredNode] {
    let Scratch { query, walk } = scratch;
    let exact = vectors.row_scorer(params.query);
    match vectors.code_scorer(params.query, query) {
        Some(codes) => rerank_by(&codes, &exact, params, candidates, walk),
        None => rerank_by(&exact, &exact, params, candidates, walk),
    }
    &walk.ranked
}

fn rerank_by(
    scorer: &impl NodeScorer,
    exact: &impl NodeScorer,
    params: &BeamParams<'_>,
    candidates: impl Iterator<Item = u32>,
    walk: &mut Walk,
) {
    walk.reset(0, 0);
    walk.pool
        .reset(params.k, scorer.lower_bound(params.threshold));
    // By its codes, the exact k-th score may be as low as the first bound. What is better than that may
    // have codes that score lower still: the second bound.
    let bound = |score: f32| match params.margin {
        Margin::Proven => scorer.lower_bound(score),
        Margin::Likely => scorer.likely_lower_bound(score),
    };
    let least = |kth: f32| bound(bound(kth));
    let score = |walk: &mut Walk, ahead: &[u32]| {
        walk.score_batch(scorer, |walk, scored| walk.pool.offer(scored, least));
        walk.set_batch(ahead);
    };
    let (mut ahead, mut count) = ([0; PREFETCHED], 0);
    for node in candidates.filter(|node| *node < scorer.count()) {
        scorer.prefetch(node);
        if let Some(place) = ahead.get_mut(count) {
            *place = node;
        }
        count += 1;
        if count == PREFETCHED {
            score(walk, &ahead);
            count = 0;
        }
    }
    score(walk, ahead.get(..count).unwrap_or_default());
    score(walk, &[]);
    walk.rerank_pool(bound, exact);
}
