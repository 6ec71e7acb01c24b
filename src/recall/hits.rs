//! The answer of a recall.

use super::explain::Explain;
use super::promise::Promise;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Deref;
use twinspire_core::ids::GenerationNo;

/// One item of an answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// The item's id.
    pub id: String,
    /// The item's score; larger is better under every [`Metric`](crate::Metric). In a recall of an
    /// [`Ensemble`](crate::Ensemble) this is the fused score.
    pub score: f32,
    /// The item's record in the state that the recall read, if the recall asked for
    /// [records](crate::Recall::records).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Value>,
    /// In a recall of an ensemble: the item's score in each of its spaces, by name. A space in which the
    /// item has no vector is left out.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, f32>,
    /// The item's rank in each space, from 1, by name.
    ///
    /// With [`exact_ranks`](crate::Recall::exact_ranks): the rank among all items of the space that the
    /// recall may return. Otherwise only rank fusion and quotas give ranks: those in the candidate lists
    /// they fused.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ranks: BTreeMap<String, u32>,
}

/// The hits of a recall, best first. Of equal scores, the item with the smaller id comes first, by
/// bytes. Hits chosen for [diversity](crate::Diversity) are in the order of the choice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hits {
    generation: GenerationNo,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    generations: BTreeMap<String, GenerationNo>,
    hits: Vec<Hit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    promise: Option<Promise>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explain>,
}

impl Hits {
    /// The answer of a space.
    pub(super) fn of_space(
        generation: GenerationNo,
        hits: Vec<Hit>,
        promise: Option<Promise>,
    ) -> Self {
        Self {
            generation,
            generations: BTreeMap::new(),
            hits,
            promise,
            explain: None,
        }
    }

    /// The answer of an ensemble.
    pub(super) fn of_ensemble(
        generations: BTreeMap<String, GenerationNo>,
        hits: Vec<Hit>,
        promise: Option<Promise>,
    ) -> Self {
        Self {
            generation: generations.values().next().copied().unwrap_or_default(),
            generations,
            hits,
            promise,
            explain: None,
        }
    }

    /// The answer with how it was found.
    pub(super) fn with_explain(self, explain: Option<Explain>) -> Self {
        Self { explain, ..self }
    }

    /// How the answer was found; `None` without [`explain`](crate::Recall::explain).
    #[must_use]
    pub fn explained(&self) -> Option<&Explain> {
        self.explain.as_ref()
    }

    /// What a recall with a [target](crate::Recall::recall_target) promises about this answer; `None` without
    /// a target.
    #[must_use]
    pub fn promise(&self) -> Option<Promise> {
        self.promise
    }

    /// The generation of each space of an ensemble that gave this answer, by name. Empty for the answer
    /// of a space.
    #[must_use]
    pub fn generations(&self) -> &BTreeMap<String, GenerationNo> {
        &self.generations
    }

    /// The generation whose towers and vectors gave this answer. For an ensemble, that of its first
    /// space by name.
    #[must_use]
    pub fn generation(&self) -> GenerationNo {
        self.generation
    }
}

impl Deref for Hits {
    type Target = [Hit];

    fn deref(&self) -> &[Hit] {
        &self.hits
    }
}

impl IntoIterator for Hits {
    type Item = Hit;
    type IntoIter = std::vec::IntoIter<Hit>;

    fn into_iter(self) -> Self::IntoIter {
        self.hits.into_iter()
    }
}

impl<'a> IntoIterator for &'a Hits {
    type Item = &'a Hit;
    type IntoIter = std::slice::Iter<'a, Hit>;

    fn into_iter(self) -> Self::IntoIter {
        self.hits.iter()
    }
}
