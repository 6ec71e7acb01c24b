//! What a recall answers.

use super::explain::{Explain, Trace};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Deref;
use twinspire_core::ids::GenerationNo;

/// One item found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// The item's id.
    pub id: String,
    /// How well it fits; larger is better under every [`Metric`](crate::Metric). In a recall of an
    /// [`Ensemble`](crate::Ensemble), what its method makes of the scores of its spaces.
    pub score: f32,
    /// The item's record as it is now, if the recall asked for records; none as well when the item
    /// was deleted while the recall ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Value>,
    /// In a recall of an ensemble: the item's score in each of its spaces, by name; not in those
    /// where it has no vector.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, f32>,
    /// In a recall of an ensemble that goes by ranks (rank fusion, quotas): the item's rank in the list
    /// of each space that has it there, from 1. In one of another ensemble that is to
    /// [explain](crate::Recall::explain) itself: its rank among all items of each space that may be
    /// answered with, found by scoring them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ranks: BTreeMap<String, u32>,
}

/// The items found, best first. Of equal scores, the item stored first comes first. What was chosen for
/// [variety](crate::Diversity) is in the order of the choice.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hits {
    generation: GenerationNo,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    generations: BTreeMap<String, GenerationNo>,
    hits: Vec<Hit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explain: Option<Explain>,
}

impl Hits {
    pub(super) fn new(generation: GenerationNo, hits: Vec<Hit>) -> Self {
        Self {
            generation,
            generations: BTreeMap::new(),
            hits,
            explain: None,
        }
    }

    pub(super) fn of_ensemble(generations: BTreeMap<String, GenerationNo>, hits: Vec<Hit>) -> Self {
        Self {
            generation: generations.values().next().copied().unwrap_or_default(),
            generations,
            hits,
            explain: None,
        }
    }

    pub(super) fn explain(&mut self, trace: Trace) {
        self.explain = trace.finish();
    }

    /// What the recall did; none unless it was asked to [explain](crate::Recall::explain) itself.
    #[must_use]
    pub fn explained(&self) -> Option<&Explain> {
        self.explain.as_ref()
    }

    /// The generation of each space of an ensemble that gave this answer, by name; empty if it was
    /// the answer of a space.
    #[must_use]
    pub fn generations(&self) -> &BTreeMap<String, GenerationNo> {
        &self.generations
    }

    /// The generation whose towers and vectors gave this answer; of an ensemble, that of its first
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
