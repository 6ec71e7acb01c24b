//! Candidates for the best k, by approximate scores.

use super::scored_node::ScoredNode;
use std::cmp::Reverse;

/// Keys below which the pool is not tidied.
const FEW: usize = 1024;

/// Nodes that may be among the best k, judging by their approximate scores.
#[derive(Debug, Default)]
pub(super) struct CandidatePool {
    k: usize,
    /// The keys of the candidates, and of nodes that were candidates when they came.
    keys: Vec<u64>,
    /// No node that scores less may be among the best.
    least: f32,
    /// At so many keys those that are no candidates any more are dropped.
    limit: usize,
}

impl CandidatePool {
    /// Empties the pool. From now on it collects candidates for the best `k` that score `least` or more.
    pub(super) fn reset(&mut self, k: usize, least: f32) {
        self.keys.clear();
        self.k = k;
        self.least = least;
        self.limit = k.saturating_mul(2).max(FEW);
    }

    /// Takes a node in if it may be among the best: if it scores at least `lower_bound` of the k-th best
    /// score when the pool was last tidied.
    #[inline]
    pub(super) fn offer(&mut self, scored: ScoredNode, lower_bound: impl Fn(f32) -> f32) {
        if scored.score >= self.least {
            self.keys.push(scored.key());
            if self.keys.len() >= self.limit {
                self.tidy(lower_bound);
            }
        }
    }

    #[cold]
    fn tidy(&mut self, lower_bound: impl Fn(f32) -> f32) {
        if let Some(kth) = self.kth() {
            self.least = self.least.max(lower_bound(kth.score));
            let least = self.least;
            let is_candidate = |key: &u64| ScoredNode::from_key(*key).score >= least;
            self.keys.retain(is_candidate);
        }
        // Half of the keys at least are new at the next time, so that tidying takes constant time a key.
        self.limit = self.keys.len().saturating_mul(2).max(self.limit);
    }

    /// The k-th best, if there are more keys than `k`; the better ones are before it then, and the others behind.
    fn kth(&mut self) -> Option<ScoredNode> {
        let last = self.k.checked_sub(1)?;
        if last + 1 >= self.keys.len() {
            return None;
        }
        let by_rank = |key: &u64| Reverse(*key);
        let (_, kth, _) = self.keys.select_nth_unstable_by_key(last, by_rank);
        Some(ScoredNode::from_key(*kth))
    }

    /// The keys of the best `k`, and of the other candidates, both in no order.
    pub(super) fn split_at_kth(&mut self) -> (&[u64], &[u64]) {
        self.kth();
        self.keys.split_at(self.k.min(self.keys.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// More nodes than a pool keeps untidied.
        #[test]
        fn no_candidate_is_lost(
            scores in prop::collection::vec(-1.0f32..1.0, 0..5000),
            (k, error) in (0usize..40, 0.0f32..0.1),
        ) {
            let lower_bound = |kth: f32| kth - error;
            let mut pool = CandidatePool::default();
            pool.reset(k, -0.9);
            let nodes = (0u32..).zip(&scores).map(|(node, score)| ScoredNode::new(node, *score));
            nodes.clone().for_each(|scored| pool.offer(scored, lower_bound));
            let mut wanted: Vec<u64> = nodes
                .filter(|scored| scored.score >= -0.9)
                .map(ScoredNode::key)
                .collect();
            wanted.sort_unstable_by_key(|key| Reverse(*key));
            let (best, others) = pool.split_at_kth();
            let mut best = best.to_vec();
            best.sort_unstable_by_key(|key| Reverse(*key));
            let (first, rest) = wanted.split_at(k.min(wanted.len()));
            prop_assert_eq!(&best, first);
            if let Some(kth) = best.last() {
                let least = lower_bound(ScoredNode::from_key(*kth).score);
                let close = rest.iter().filter(|key| ScoredNode::from_key(**key).score >= least);
                for key in close {
                    prop_assert!(others.contains(key));
                }
            }
        }
    }
}
