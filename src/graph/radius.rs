//! Radius search: all accepted nodes above a score.

use super::beam::LONGEST;
use super::entry::entry_points;
use super::graph::Graph;
use super::node_scorer::NodeScorer;
use super::node_vectors::NodeVectors;
use super::scored_node::ScoredNode;
use super::scratch::Scratch;
use super::walk::Walk;

/// The accepted nodes that score `least` or more, with exact scores: best first, ties by node.
///
/// All nodes inside the radius are expanded. So are the `ef` best nodes, so that the walk reaches the
/// radius at all.
pub(crate) fn search_radius<'s, S: AsRef<[u32]>>(
    graph: &Graph<S>,
    vectors: &NodeVectors<'_>,
    (query, least): (&[f32], f32),
    ef: usize,
    accept: impl FnMut(u32) -> bool,
    scratch: &'s mut Scratch,
) -> &'s [ScoredNode] {
    let Scratch {
        query: buffer,
        walk,
    } = scratch;
    let exact = vectors.row_scorer(query);
    match vectors.code_scorer(query, buffer) {
        Some(codes) => walk_radius(graph, &codes, least, ef, accept, walk),
        None => walk_radius(graph, &exact, least, ef, accept, walk),
    }
    walk.rerank_radius(&exact, least);
    &walk.ranked
}

/// Collects the accepted nodes whose exact score may be `least` or more.
fn walk_radius<S: AsRef<[u32]>>(
    graph: &Graph<S>,
    scorer: &impl NodeScorer,
    least: f32,
    ef: usize,
    mut accept: impl FnMut(u32) -> bool,
    walk: &mut Walk,
) {
    let nodes = scorer.count().min(graph.nodes);
    walk.reset(nodes, ef.clamp(1, LONGEST));
    walk.found.reset(ef.max(1));
    if nodes == 0 {
        return;
    }
    let radius = scorer.lower_bound(least);
    walk.visit(&entry_points(graph, scorer, nodes));
    loop {
        walk.score_batch(scorer, |walk, scored| {
            let admitted = walk.found.admits(scored);
            walk.found.offer(scored);
            let inside = scored.score >= radius;
            if inside && accept(scored.node) {
                walk.ranked.push(scored);
            }
            if admitted || inside {
                walk.enqueue(scored);
            }
        });
        let Some(next) = walk.dequeue() else { break };
        if next.score < radius && !walk.found.holds_or_admits(next) {
            break;
        }
        walk.expand(graph, scorer, next.node);
    }
}

/// Nodes that are scored together.
const BATCH: usize = 64;

/// The candidates that are accepted and score `least` or more, with exact scores: best first, ties by node.
///
/// Each candidate is scored by its codes, if there are any, and exactly where the codes leave it open. So none
/// is missed.
pub(crate) fn rerank_radius<'s>(
    vectors: &NodeVectors<'_>,
    (query, least): (&[f32], f32),
    candidates: impl Iterator<Item = u32>,
    accept: impl FnMut(u32) -> bool,
    scratch: &'s mut Scratch,
) -> &'s [ScoredNode] {
    let Scratch {
        query: buffer,
        walk,
    } = scratch;
    let exact = vectors.row_scorer(query);
    match vectors.code_scorer(query, buffer) {
        Some(codes) => collect_radius(&codes, least, candidates, accept, walk),
        None => collect_radius(&exact, least, candidates, accept, walk),
    }
    walk.rerank_radius(&exact, least);
    &walk.ranked
}

/// Collects the accepted candidates whose exact score may be `least` or more.
fn collect_radius(
    scorer: &impl NodeScorer,
    least: f32,
    candidates: impl Iterator<Item = u32>,
    mut accept: impl FnMut(u32) -> bool,
    walk: &mut Walk,
) {
    walk.reset(0, 0);
    let radius = scorer.lower_bound(least);
    let mut score = |walk: &mut Walk, batch: &mut Vec<u32>| {
        walk.set_batch(batch);
        walk.score_batch(scorer, |walk, scored| {
            if scored.score >= radius && accept(scored.node) {
                walk.ranked.push(scored);
            }
        });
        batch.clear();
    };
    let mut batch = Vec::with_capacity(BATCH);
    for node in candidates.filter(|node| *node < scorer.count()) {
        batch.push(node);
        if batch.len() == BATCH {
            score(walk, &mut batch);
        }
    }
    score(walk, &mut batch);
}
