//! An ensemble, as it is stored.

use super::check::check;
use super::diversity::Diversity;
use super::error::EnsembleError;
use super::recipe::{Method, Recipe};
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A stored recipe that fuses several spaces; see [`Database::ensembles`](crate::Database::ensembles).
///
/// | builder | ranks by | as JSON |
/// |---|---|---|
/// | [`WeightedSum`](crate::WeightedSum) | the weighted sum of scores | `{"method": "weighted", "spaces": {"text": 0.4, "unified": 0.6}}` |
/// | [`Cascade`](crate::Cascade) | the score of the last of several stages | `{"method": "cascade", "stages": [{"space": "text", "take": 500}, {"space": "unified", "take": 50, "at_least": 0.2}]}` |
/// | [`RankFusion`](crate::RankFusion) | the ranks in the list of each space | `{"method": "rank_fusion", "spaces": {"text": 1, "unified": 2}, "k": 60, "depth": 100}` |
/// | [`NormalisedSum`](crate::NormalisedSum) | the weighted sum of normalised scores | `{"method": "normalised", "spaces": {"text": 1, "unified": 2}, "by": "min_max", "depth": 100}` |
/// | [`Quotas`](crate::Quotas) | turns: each channel has a quota of the answer | `{"method": "quotas", "channels": [{"space": "text", "share": 0.7}, {"space": "new", "share": 0.3}]}` |
///
/// All but quotas may have a [business weight](crate::BusinessWeight), and all may re-rank for
/// [diversity](crate::Diversity): `{"method": "weighted", "spaces": {"text": 1}, "business": {"field":
/// "bid"}, "diversity": {"space": "text", "lambda": 0.7}}`.
///
/// Convert a builder into an ensemble, or read one from JSON:
///
/// ```
/// use twinspire::{Cascade, Ensemble};
/// let built = Cascade::new().stage("text", 500).stage_at_least("unified", 50, 0.25);
/// let read = r#"{"method": "cascade", "stages": [
///     {"space": "text", "take": 500}, {"space": "unified", "take": 50, "at_least": 0.25}]}"#;
/// assert_eq!(serde_json::from_str::<Ensemble>(read)?, built.into());
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// A builder has only the options of its method:
///
/// ```compile_fail
/// twinspire::Cascade::new().stage("text", 500).depth(100);
/// ```
///
/// Values out of range, such as a negative weight, are an [`Error::Ensemble`](crate::Error::Ensemble) when
/// the ensemble is [defined](crate::Ensembles::define).
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ensemble {
    recipe: Recipe,
}

impl Ensemble {
    /// The spaces that are searched, each once, in the order of the recipe; spaces with weights by name.
    pub fn spaces(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.recipe.method.named() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.into_iter()
    }

    /// The weights of the spaces, by name; empty where the method has no weights.
    pub fn weights(&self) -> impl Iterator<Item = (&str, f32)> {
        let weights = self.recipe.method.weights().into_iter().flatten();
        weights.map(|(name, weight)| (name.as_str(), *weight))
    }

    /// The name of the method, as in JSON.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.recipe.method.name()
    }

    /// The ensemble of a recipe, which may be invalid.
    pub(super) fn of(recipe: Recipe) -> Self {
        Self { recipe }
    }

    /// The recipe.
    pub(crate) fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// All spaces that must exist, some of them twice.
    pub(crate) fn required_spaces(&self) -> impl Iterator<Item = &str> {
        let compared = self.recipe.diversity.iter().map(Diversity::space);
        let fused = self.recipe.method.fused();
        let named = self.recipe.method.named().into_iter();
        named.chain(compared).chain(fused)
    }

    /// The spaces whose scores make up the score of an answer; empty if it is on another scale.
    pub(crate) fn score_spaces(&self) -> impl Iterator<Item = &str> {
        let named = self.recipe.method.named();
        let from = match &self.recipe.method {
            Method::Weighted { .. } => 0,
            Method::Cascade { .. } => named.len().saturating_sub(1),
            _ => named.len(),
        };
        named.into_iter().skip(from)
    }

    /// What is invalid about it, whether or not its spaces exist.
    pub(crate) fn problem(&self) -> Option<EnsembleError> {
        check(&self.recipe).err()
    }
}
