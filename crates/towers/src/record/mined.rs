//! Training examples: pairs of a user and an item, and the hard negatives that a search finds for them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twinspire_core::ids::GenerationNo;

/// A user with a positive item; one line of a file of training pairs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct TrainingPair {
    /// The raw features of the user, as a recall takes them.
    pub user: Value,
    /// The id of the positive item.
    pub positive: String,
    /// The ids of other known positives, which are never negatives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
}

impl TrainingPair {
    /// A user with a positive item.
    #[must_use]
    pub fn new(user: Value, positive: impl Into<String>) -> Self {
        Self {
            user,
            positive: positive.into(),
            known: Vec::new(),
        }
    }

    /// Adds further known positives.
    #[must_use]
    pub fn known(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.known.extend(ids.into_iter().map(Into::into));
        self
    }
}

/// A training pair with its hard negatives; one line of the output of the command `mine`. Only `user` and `positive` are
/// required, so that negatives from elsewhere can be given in the same format.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MinedPair {
    /// The index of the pair in the stream, from 0.
    #[serde(rename = "pair", default)]
    pub at: u64,
    /// The generation that was searched, the same for all pairs of a run.
    #[serde(default)]
    pub generation: GenerationNo,
    /// The pair.
    #[serde(flatten)]
    pub pair: TrainingPair,
    /// The exact score of the positive.
    #[serde(default)]
    pub positive_score: f32,
    /// The rank of the positive, from 1: one more than the number of items with a better score, without known positives.
    /// `None` if it lies beyond the searched depth.
    #[serde(default)]
    pub positive_rank: Option<u32>,
    /// Whether the space fails for this pair: the positive has no rank up to the bound.
    #[serde(default)]
    pub hard_positive: bool,
    /// The items nearest to the user that are not known positives, best first.
    #[serde(default)]
    pub negatives: Vec<MinedNegative>,
}

/// A hard negative: a near item that is not a known positive.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MinedNegative {
    /// The id of the item.
    pub id: String,
    /// Its rank, from 1, without known positives.
    #[serde(default)]
    pub rank: u32,
    /// Its score.
    #[serde(default)]
    pub score: f32,
}
