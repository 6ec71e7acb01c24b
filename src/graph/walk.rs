//! The state of one walk over a graph, and its steps.

use super::beam::{Beam, LONGEST};
use super::candidate_pool::CandidatePool;
use super::graph::Graph;
use super::node_scorer::NodeScorer;
use super::scored_node::ScoredNode;
use super::visited::Visited;
use std::cmp::Reverse;
use twinspire_core::telemetry;

/// Counters of what searches did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SearchCounters {
    /// Nodes expanded: nodes whose links were followed.
    pub(crate) expanded: u64,
    /// Scores computed on the walk.
    pub(crate) scored: u64,
    /// Exact scores computed by the re-rank.
    pub(crate) ranked: u64,
}

/// A walk over a graph.
#[derive(Debug, Default)]
pub(super) struct Walk {
    visited: Visited,
    /// Visited nodes that are not scored yet.
    batch: Vec<u32>,
    /// The scores of the last batch.
    scores: Vec<f32>,
    /// The candidate queue: the best nodes so far, to be expanded. Without a filter also the result.
    pub(super) beam: Beam,
    /// With a filter or a radius: the best accepted nodes so far.
    pub(super) found: Beam,
    /// Keys of nodes evicted from the full beam. They are expanded once all of the beam is.
    spill: Vec<u64>,
    /// Number of nodes in earlier beams, all expanded.
    used_up: usize,
    /// In a re-rank of given candidates: those that may be among the best.
    pub(super) pool: CandidatePool,
    /// The result, with exact scores, best first.
    pub(super) ranked: Vec<ScoredNode>,
    pub(super) counters: SearchCounters,
}

impl Walk {
    /// Resets the state for a walk over `nodes` nodes with a candidate queue of this width.
    pub(super) fn reset(&mut self, nodes: u32, width: usize) {
        self.visited.reset(nodes);
        self.batch.clear();
        self.beam.reset(width);
        self.spill.clear();
        self.used_up = 0;
        self.ranked.clear();
    }

    /// Queues a node for expansion. The queue has no limit: what the beam has no room for is spilled.
    #[inline]
    pub(super) fn enqueue(&mut self, scored: ScoredNode) {
        if let Some(entry) = self.beam.insert(scored.key())
            && !entry.expanded
        {
            self.spill.push(entry.key);
        }
    }

    /// Takes the best node from the queue. Once all of the beam is expanded, it is refilled from the spill,
    /// with twice the width.
    #[inline]
    pub(super) fn dequeue(&mut self) -> Option<ScoredNode> {
        if self.beam.peek().is_none() {
            self.refill();
        }
        self.beam.take()
    }

    fn refill(&mut self) {
        self.used_up += self.beam.len();
        let width = (2 * self.beam.width()).clamp(1, LONGEST);
        self.beam.reset(width);
        if let Some(last) = width.checked_sub(1).filter(|last| *last < self.spill.len()) {
            self.spill
                .select_nth_unstable_by_key(last, |key| Reverse(*key));
        }
        let best = self.spill.drain(..width.min(self.spill.len()));
        self.beam.fill(best);
    }

    /// Number of expanded nodes that are better than all that are queued.
    #[inline]
    pub(super) fn expanded_ahead(&self) -> usize {
        self.used_up + self.beam.expanded()
    }

    /// Makes the batch of those nodes that were not visited before.
    #[inline]
    pub(super) fn visit(&mut self, nodes: &[u32]) {
        self.visited.insert_all(nodes, &mut self.batch);
    }

    /// Makes the batch of these nodes, visited or not.
    #[inline]
    pub(super) fn set_batch(&mut self, nodes: &[u32]) {
        self.batch.clear();
        self.batch.extend_from_slice(nodes);
    }

    /// Makes the batch of a node's unvisited neighbours, and prefetches what scoring them reads.
    #[inline]
    pub(super) fn expand<S: AsRef<[u32]>>(
        &mut self,
        graph: &Graph<S>,
        scorer: &impl NodeScorer,
        node: u32,
    ) {
        self.visit(graph.neighbour_slice(node));
        // Neighbours lie far apart in memory: all are prefetched before the first is read.
        self.batch.iter().for_each(|node| scorer.prefetch(*node));
        self.counters.expanded += 1;
    }

    /// Scores the batch, whose nodes are in range, and calls `visit` with each scored node.
    #[inline]
    pub(super) fn score_batch(
        &mut self,
        scorer: &impl NodeScorer,
        mut visit: impl FnMut(&mut Self, ScoredNode),
    ) {
        let (mut batch, mut scores) = (
            std::mem::take(&mut self.batch),
            std::mem::take(&mut self.scores),
        );
        self.counters.scored += batch.len() as u64;
        scorer.score_all(&batch, &mut scores);
        for (node, score) in batch.iter().zip(&scores) {
            visit(self, ScoredNode::new(*node, *score));
        }
        batch.clear();
        (self.batch, self.scores) = (batch, scores);
    }

    /// Re-ranks the beam by exact scores, down to the last candidate that may be among the best `k`.
    pub(super) fn rerank_beam(
        &mut self,
        scorer: &impl NodeScorer,
        exact: &impl NodeScorer,
        k: usize,
    ) {
        let (first, rest) = (self.beam.keys().take(k), self.beam.keys().skip(k));
        let least = |kth| scorer.likely_lower_bound(kth);
        rerank(&mut self.ranked, first, rest, least, exact);
        self.counters.ranked += self.ranked.len() as u64;
    }

    /// Re-ranks the candidate pool by exact scores, down to the last candidate that may be among its best.
    /// `least` gives the score by codes of these, from the exact score of the worst.
    pub(super) fn rerank_pool(&mut self, least: impl Fn(f32) -> f32, exact: &impl NodeScorer) {
        let (first, rest) = self.pool.split_at_kth();
        let (first, rest) = (first.iter().copied(), rest.iter().copied());
        rerank(&mut self.ranked, first, rest, least, exact);
        self.counters.ranked += self.ranked.len() as u64;
    }

    /// Scores the result exactly, drops what scores less than `least`, and sorts the rest.
    pub(super) fn rerank_radius(&mut self, exact: &impl NodeScorer, least: f32) {
        let _span = telemetry::trace_span!("rerank").entered();
        self.counters.ranked += self.ranked.len() as u64;
        self.ranked.retain_mut(|scored| {
            let score = exact.score(scored.node).filter(|score| *score >= least);
            score.is_some_and(|score| {
                *scored = ScoredNode::new(scored.node, score);
                true
            })
        });
        self.ranked.sort_unstable_by(|a, b| b.cmp(a));
    }
}

/// Re-ranks by exact scores, best first: all of `first`, and those of `rest` whose approximate score is at least what
/// `least` gives for the worst of `first`.
fn rerank(
    ranked: &mut Vec<ScoredNode>,
    first: impl Iterator<Item = u64> + Clone,
    rest: impl Iterator<Item = u64> + Clone,
    least: impl Fn(f32) -> f32,
    exact: &impl NodeScorer,
) {
    let _span = telemetry::trace_span!("rerank").entered();
    let score = |scored: ScoredNode| {
        let score = exact.score(scored.node)?;
        Some(ScoredNode::new(scored.node, score))
    };
    let first = first.map(ScoredNode::from_key);
    first.clone().for_each(|scored| exact.prefetch(scored.node));
    ranked.extend(first.filter_map(score));
    if let Some(kth) = ranked.iter().min() {
        let least = least(kth.score);
        let close = rest
            .map(ScoredNode::from_key)
            .filter(|scored| scored.score >= least);
        close.clone().for_each(|scored| exact.prefetch(scored.node));
        ranked.extend(close.filter_map(score));
    }
    ranked.iter().for_each(|scored| exact.release(scored.node));
    ranked.sort_unstable_by(|a, b| b.cmp(a));
}
