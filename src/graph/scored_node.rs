//! A node and its score.

use std::cmp::Ordering;

/// A node and its score; larger is better.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScoredNode {
    /// The node.
    pub(crate) node: u32,
    /// Its score, never NaN.
    pub(crate) score: f32,
}

impl ScoredNode {
    /// A node with its score; NaN becomes the worst score there is.
    #[inline]
    pub(crate) fn new(node: u32, score: f32) -> Self {
        let score = if score.is_nan() {
            f32::NEG_INFINITY
        } else {
            score
        };
        Self { node, score }
    }

    /// One integer that orders as the pair does, since pairs are compared often: the score's bits,
    /// turned so that they rise with the score, then the node, falling.
    #[inline]
    pub(crate) fn key(self) -> u64 {
        let bits = self.score.to_bits();
        let rising = if bits >> 31 == 1 {
            !bits
        } else {
            bits | 1 << 31
        };
        u64::from(rising) << 32 | u64::from(!self.node)
    }

    /// The pair of a [key](Self::key).
    #[inline]
    pub(crate) fn from_key(key: u64) -> Self {
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
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for ScoredNode {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ScoredNode {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ScoredNode {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_order_by_score_then_by_node(
            (a, b) in (any::<f32>(), any::<f32>()),
            (m, n) in (any::<u32>(), any::<u32>()),
        ) {
            let (a, b) = (ScoredNode::new(m, a), ScoredNode::new(n, b));
            let by_score = a.score.total_cmp(&b.score);
            prop_assert_eq!(a.cmp(&b), by_score.then(n.cmp(&m)));
            let back = ScoredNode::from_key(a.key());
            prop_assert_eq!((back.node, back.score.to_bits()), (a.node, a.score.to_bits()));
        }
    }
}
