//! The best few of many nodes.

use super::scored_node::ScoredNode;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The best nodes that were offered, at most `k` of them.
#[derive(Debug, Default)]
pub(super) struct TopK {
    /// The worst is on top.
    heap: BinaryHeap<Reverse<ScoredNode>>,
    k: usize,
}

impl TopK {
    /// Empties it, for the best `k` from now on.
    pub(super) fn reset(&mut self, k: usize) {
        self.heap.clear();
        self.k = k;
    }

    /// Whether this node would be among the best.
    #[inline]
    pub(super) fn admits(&self, scored: ScoredNode) -> bool {
        self.heap.len() < self.k || self.heap.peek().is_some_and(|worst| scored > worst.0)
    }

    /// Adds a node that was admitted; it replaces the worst if there is no room.
    #[inline]
    pub(super) fn push(&mut self, scored: ScoredNode) {
        if self.heap.len() < self.k {
            self.heap.push(Reverse(scored));
        } else if let Some(mut worst) = self.heap.peek_mut() {
            *worst = Reverse(scored);
        }
    }

    /// All of them, best first.
    pub(super) fn into_sorted(self) -> Vec<ScoredNode> {
        let nodes = self.heap.into_iter().map(|Reverse(scored)| scored);
        let mut nodes: Vec<ScoredNode> = nodes.collect();
        nodes.sort_unstable_by(|a, b| b.cmp(a));
        nodes
    }
}
