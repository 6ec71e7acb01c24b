//! Ensembles: recipes that fuse several spaces over the same items.
//!
//! Pure: a recipe, what makes it valid, and how scores of one item become one. Which items are looked
//! at is the business of `recall`.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most spaces an ensemble may fuse.
const MAX_SPACES: usize = 32;

/// How several spaces answer as one; see [`Database::ensembles`](crate::Database::ensembles).
///
/// As JSON: `{"method": "weighted", "spaces": {"text": 0.4, "unified": 0.6}}`.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ensemble(Recipe);

#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
enum Recipe {
    Weighted { spaces: BTreeMap<String, f32> },
}

impl Ensemble {
    /// The weighted sum of an item's scores in all spaces (Huang et al., Embedding-based Retrieval in
    /// Facebook Search, KDD 2020, section 5.2): the inner product of concatenated vectors, each
    /// space's weighted.
    #[must_use]
    pub fn weighted() -> Self {
        Self(Recipe::Weighted {
            spaces: BTreeMap::new(),
        })
    }

    /// Adds a space, or gives it another weight: above 0, and finite.
    #[must_use]
    pub fn space(mut self, name: impl Into<String>, weight: f32) -> Self {
        let Recipe::Weighted { spaces } = &mut self.0;
        spaces.insert(name.into(), weight);
        self
    }

    /// The spaces and their weights, by name.
    pub fn spaces(&self) -> impl Iterator<Item = (&str, f32)> {
        let Recipe::Weighted { spaces } = &self.0;
        spaces.iter().map(|(name, weight)| (name.as_str(), *weight))
    }

    /// What is wrong with it by itself, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        let count = self.spaces().count();
        if count == 0 || count > MAX_SPACES {
            return Some(format!("it has {count} spaces, 1 to {MAX_SPACES} are due"));
        }
        let bad = |(_, weight): &(&str, f32)| !(weight.is_finite() && *weight > 0.0);
        let (name, weight) = self.spaces().find(bad)?;
        Some(format!(
            "the weight of space {name:?} is {weight}, a number above 0 is due"
        ))
    }

    /// One score of an item's scores in the spaces, in their order; a larger one of any makes it no
    /// smaller.
    pub(crate) fn fuse(&self, scores: impl IntoIterator<Item = f32>) -> f32 {
        let weights = self.spaces().map(|(_, weight)| weight);
        weights
            .zip(scores)
            .map(|(weight, score)| weight * score)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_the_same_as_json() {
        let ensemble = Ensemble::weighted().space("text", 0.5).space("all", 2.0);
        let text = serde_json::to_string(&ensemble).unwrap();
        assert_eq!(
            text,
            r#"{"method":"weighted","spaces":{"all":2.0,"text":0.5}}"#
        );
        assert_eq!(serde_json::from_str::<Ensemble>(&text).unwrap(), ensemble);
        assert!(serde_json::from_str::<Ensemble>(r#"{"method":"guess","spaces":{}}"#).is_err());
        assert_eq!(ensemble.fuse([1.0, 0.5]), 2.25);
    }

    #[test]
    fn a_recipe_that_means_nothing_is_told_why() {
        let says = |ensemble: Ensemble| ensemble.problem().unwrap_or_default();
        assert!(says(Ensemble::weighted()).contains("0 spaces"));
        for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let problem = says(Ensemble::weighted().space("text", weight));
            assert!(problem.contains("weight of space \"text\""), "{problem}");
        }
        assert_eq!(says(Ensemble::weighted().space("text", 1.0)), "");
        let many = (0..33).fold(Ensemble::weighted(), |all, at| {
            all.space(at.to_string(), 1.0)
        });
        assert!(says(many).contains("33 spaces"));
    }
}
