//! A node and how well it matches, and the few best of many.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A node and how well it matches; larger is better.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScoredNode {
    /// The node.
    pub(crate) node: u32,
    /// Its score, never NaN.
    pub(crate) score: f32,
}

impl ScoredNode {
    /// A score that is not a number becomes the worst there is.
    pub(super) fn new(node: u32, score: f32) -> Self {
        let score = if score.is_nan() {
            f32::NEG_INFINITY
        } else {
            score
        };
        Self { node, score }
    }

    /// One number that orders as the pair does, for it is compared often: the score's bits made to
    /// rise with the score, then the node, falling.
    pub(super) fn key(self) -> u64 {
        let bits = self.score.to_bits();
        let rising = if bits >> 31 == 1 {
            !bits
        } else {
            bits | 1 << 31
        };
        u64::from(rising) << 32 | u64::from(!self.node)
    }

    /// The pair of a key.
    pub(super) fn of(key: u64) -> Self {
        let rising = (key >> 32) as u32;
        let bits = if rising >> 31 == 1 {
            rising & !(1 << 31)
        } else {
            !rising
        };
        Self {
            node: !(key as u32),
            score: f32::from_bits(bits),
        }
    }
}

/// The better of two is the greater; of equal scores, the smaller node is better.
impl Ord for ScoredNode {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for ScoredNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ScoredNode {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ScoredNode {}

/// The best that were offered, at most `limit` of them; the worst is on top.
#[derive(Debug, Default)]
pub(super) struct Best {
    heap: BinaryHeap<Reverse<ScoredNode>>,
    limit: usize,
}

impl Best {
    /// Forgets everything; from now on the best `limit` are kept.
    pub(super) fn start(&mut self, limit: usize) {
        self.heap.clear();
        self.limit = limit;
    }

    /// Whether there is room for one that is this good.
    pub(super) fn admits(&self, scored: ScoredNode) -> bool {
        self.heap.len() < self.limit || self.heap.peek().is_some_and(|worst| scored > worst.0)
    }

    /// The worst of as many as are kept, once they are so many.
    fn kth(&self) -> Option<ScoredNode> {
        let worst = self.heap.peek().filter(|_| self.heap.len() >= self.limit);
        worst.map(|Reverse(scored)| *scored)
    }

    /// Takes one if it was admitted, in place of the worst if there is no room.
    pub(super) fn push(&mut self, scored: ScoredNode) {
        if self.heap.len() < self.limit {
            self.heap.push(Reverse(scored));
        } else if let Some(mut worst) = self.heap.peek_mut() {
            *worst = Reverse(scored);
        }
    }

    /// Moves all of them into a list, best first.
    pub(super) fn drain_into(&mut self, list: &mut Vec<ScoredNode>) {
        list.clear();
        list.extend(self.heap.drain().map(|Reverse(scored)| scored));
        list.sort_unstable_by(|a, b| b.cmp(a));
    }
}

/// Those of many that may be among the best, of scores that may be off.
#[derive(Debug, Default)]
pub(super) struct Sift {
    best: Best,
    kept: Vec<u64>,
    /// No score below this may be among the best.
    least: f32,
}

impl Sift {
    /// Forgets everything; from now on what may be among the best `k` is kept, if it scores `least`.
    pub(super) fn start(&mut self, k: usize, least: f32) {
        self.best.start(k);
        self.kept.clear();
        self.least = least;
    }

    /// Keeps one if it may be among the best: if it scores what `least` says of the k-th best score.
    #[inline]
    pub(super) fn offer(&mut self, scored: ScoredNode, least: impl Fn(f32) -> f32) {
        if scored.score >= self.least {
            self.kept.push(scored.key());
            if self.best.admits(scored) {
                self.best.push(scored);
                if let Some(kth) = self.best.kth() {
                    self.least = self.least.max(least(kth.score));
                }
            }
        }
    }

    /// The best `k`, and the others that were kept, both in no order.
    pub(super) fn parted(&mut self, k: usize) -> (&[u64], &[u64]) {
        if let Some(last) = k.checked_sub(1).filter(|last| *last < self.kept.len()) {
            self.kept
                .select_nth_unstable_by_key(last, |key| Reverse(*key));
        }
        self.kept.split_at(k.min(self.kept.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_order_as_scores_and_nodes_do(
            (a, b) in (any::<f32>(), any::<f32>()),
            (m, n) in (any::<u32>(), any::<u32>()),
        ) {
            let (a, b) = (ScoredNode::new(m, a), ScoredNode::new(n, b));
            let by_score = a.score.total_cmp(&b.score);
            prop_assert_eq!(a.cmp(&b), by_score.then(n.cmp(&m)));
            let back = ScoredNode::of(a.key());
            prop_assert_eq!((back.node, back.score.to_bits()), (a.node, a.score.to_bits()));
        }
    }
}
