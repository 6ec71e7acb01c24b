//! Diversity of an answer.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Default depth.
const DEFAULT_DEPTH: u32 = 100;

/// Re-ranks an answer by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).
///
/// Of the best [`depth`](Self::depth) items of the fusion, it picks one after the other the item with the
/// largest λ · score − (1 − λ) · (its largest similarity to the items picked before). The similarity is the
/// cosine of the items' vectors in a space; it is 0 for an item without a vector there. Ties go to the item
/// that the fusion ranks first. Items beyond the depth follow in the order of the fusion. Scores stay those
/// of the fusion.
///
/// As JSON: `"diversity": {"space": "unified", "lambda": 0.7, "depth": 100}`, the depth with this
/// default.
///
/// λ weighs scores as they are against cosines. Where scores are far from the range of a cosine, as those of
/// rank fusion (small) or of L2 (large), choose λ accordingly or
/// [normalise](crate::NormalisedSum) the scores.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diversity {
    pub(super) space: String,
    pub(super) lambda: f32,
    #[serde(default = "default_depth")]
    pub(super) depth: u32,
}

fn default_depth() -> u32 {
    DEFAULT_DEPTH
}

impl Diversity {
    /// Compares items by their vectors in a space. `lambda` is from 0, diversity only, to 1, scores only.
    #[must_use]
    pub fn new(space: impl Into<String>, lambda: f32) -> Self {
        Self {
            space: space.into(),
            lambda,
            depth: DEFAULT_DEPTH,
        }
    }

    /// Sets the number of best items to pick from: 1 to 1,000, by default 100.
    #[must_use]
    pub fn depth(mut self, items: u32) -> Self {
        self.depth = items;
        self
    }

    /// The space whose vectors are compared.
    pub(crate) fn space(&self) -> &str {
        &self.space
    }

    /// The number of best items to pick from.
    pub(crate) fn pool(&self) -> usize {
        self.depth as usize
    }

    /// Picks `k` of a pool with these scores: indices into the pool, in the order of the picks.
    pub(crate) fn pick(
        &self,
        scores: &[f32],
        k: usize,
        similarity: impl Fn(usize, usize) -> f32,
    ) -> Vec<usize> {
        // Index of each item left, and its largest similarity to those picked.
        let mut left: Vec<(usize, f32)> = (0..scores.len()).map(|at| (at, 0.0)).collect();
        let mut picked = Vec::with_capacity(k.min(scores.len()));
        while picked.len() < k {
            let worth = |(at, most): &(usize, f32)| {
                let score = scores.get(*at).copied().unwrap_or_default();
                self.lambda * score - (1.0 - self.lambda) * most
            };
            let mut best: Option<(usize, f32)> = None;
            for (index, candidate) in left.iter().enumerate() {
                let worth = worth(candidate);
                if best.is_none_or(|(_, most)| worth > most) {
                    best = Some((index, worth));
                }
            }
            let Some((index, _)) = best else { break };
            let (at, _) = left.remove(index);
            for (other, most) in &mut left {
                let alike = similarity(at, *other);
                *most = if picked.is_empty() {
                    alike
                } else {
                    most.max(alike)
                };
            }
            picked.push(at);
        }
        picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_items_are_picked_later() {
        // Two similar items, and one that is not.
        let alike = |a: usize, b: usize| if a.max(b) < 2 { 1.0 } else { 0.0 };
        let pick = |lambda| Diversity::new("s", lambda).pick(&[0.9, 0.8, 0.5], 3, alike);
        assert_eq!(pick(1.0), [0, 1, 2]);
        assert_eq!(pick(0.5), [0, 2, 1]);
        assert_eq!(pick(0.0), [0, 2, 1]);
        assert_eq!(Diversity::new("s", 0.5).pick(&[0.5], 9, alike), [0]);
        assert!(Diversity::new("s", 0.5).pick(&[], 9, alike).is_empty());
    }
}
