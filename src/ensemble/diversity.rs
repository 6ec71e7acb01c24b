//! Answers that are not all alike.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// How many of the best are chosen from, unless something else is said.
const DEFAULT_POOL: u32 = 100;
/// The most that can be.
pub(super) const MAX_POOL: u32 = 1000;

/// Chooses the answer for its variety too, by maximal marginal relevance (Carbonell and Goldstein, SIGIR
/// 1998): of the best [`depth`](Self::depth) of the fusion, one after the other, each time the item with the
/// largest λ · score − (1 − λ) · (its largest similarity to those chosen already). The similarity is the
/// cosine of the items' vectors in a space; an item without a vector there is like no other. Of equal
/// ones the first of the fusion is chosen. Items beyond the depth follow as the fusion has them, and
/// scores stay the fusion's.
///
/// As JSON: `"diversity": {"space": "unified", "lambda": 0.7, "depth": 100}`, the depth with this
/// default.
///
/// Scores count as they are: where they are far from the range of a cosine (of rank fusion they
/// are small, of L2 large), choose λ by it or [normalise](crate::Ensemble::normalised) them.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diversity {
    pub(super) space: String,
    pub(super) lambda: f32,
    #[serde(default = "default_pool")]
    pub(super) depth: u32,
}

fn default_pool() -> u32 {
    DEFAULT_POOL
}

impl Diversity {
    /// By the vectors of a space; `lambda` is from 0, variety alone, to 1, scores alone.
    #[must_use]
    pub fn by(space: impl Into<String>, lambda: f32) -> Self {
        Self {
            space: space.into(),
            lambda,
            depth: DEFAULT_POOL,
        }
    }

    /// How many of the best are chosen from: 1 to 1,000, 100 unless something else is said.
    #[must_use]
    pub fn depth(mut self, items: u32) -> Self {
        self.depth = items;
        self
    }

    /// The space.
    pub(crate) fn space(&self) -> &str {
        &self.space
    }

    /// How many of the best are chosen from.
    pub(crate) fn pool(&self) -> usize {
        self.depth as usize
    }

    /// The first `k` of a pool with these scores, as their places in it.
    pub(crate) fn choose(
        &self,
        scores: &[f32],
        k: usize,
        similarity: impl Fn(usize, usize) -> f32,
    ) -> Vec<usize> {
        // Of those left: the place, and the largest similarity to what is chosen.
        let mut left: Vec<(usize, f32)> = (0..scores.len()).map(|at| (at, 0.0)).collect();
        let mut chosen = Vec::with_capacity(k.min(scores.len()));
        while chosen.len() < k {
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
                *most = if chosen.is_empty() {
                    alike
                } else {
                    most.max(alike)
                };
            }
            chosen.push(at);
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_the_first_comes_later() {
        // Two alike, one that is not.
        let alike = |a: usize, b: usize| if a.max(b) < 2 { 1.0 } else { 0.0 };
        let choose = |lambda| Diversity::by("s", lambda).choose(&[0.9, 0.8, 0.5], 3, alike);
        assert_eq!(choose(1.0), [0, 1, 2]);
        assert_eq!(choose(0.5), [0, 2, 1]);
        assert_eq!(choose(0.0), [0, 2, 1]);
        assert_eq!(Diversity::by("s", 0.5).choose(&[0.5], 9, alike), [0]);
        assert!(Diversity::by("s", 0.5).choose(&[], 9, alike).is_empty());
    }
}
