//! Candidates for the best k, by approximate scores.

use super::scored_node::ScoredNode;
use super::top_k::TopK;
use std::cmp::Reverse;

/// Nodes that may be among the best k, judging by their approximate scores.
#[derive(Debug, Default)]
pub(super) struct CandidatePool {
    best: TopK,
    /// The keys of the candidates.
    keys: Vec<u64>,
    /// No node that scores less may be among the best.
    least: f32,
}

impl CandidatePool {
    /// Empties the pool. From now on it collects candidates for the best `k` that score `least` or more.
    pub(super) fn reset(&mut self, k: usize, least: f32) {
        self.best.reset(k);
        self.keys.clear();
        self.least = least;
    }

    /// Takes a node in if it may be among the best: if it scores at least `lower_bound` of the k-th best
    /// score so far.
    #[inline]
    pub(super) fn offer(&mut self, scored: ScoredNode, lower_bound: impl Fn(f32) -> f32) {
        if scored.score >= self.least {
            self.keys.push(scored.key());
            if self.best.admits(scored) {
                self.best.push(scored);
                if let Some(kth) = self.best.kth() {
                    self.least = self.least.max(lower_bound(kth.score));
                }
            }
        }
    }

    /// The keys of the best `k`, and of the other candidates, both in no order.
    pub(super) fn split_at_kth(&mut self, k: usize) -> (&[u64], &[u64]) {
        if let Some(last) = k.checked_sub(1).filter(|last| *last < self.keys.len()) {
            self.keys
                .select_nth_unstable_by_key(last, |key| Reverse(*key));
        }
        self.keys.split_at(k.min(self.keys.len()))
    }
}
