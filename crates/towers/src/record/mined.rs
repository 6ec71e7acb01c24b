//! Training examples that a search finds: pairs of a user and an item, and hard negatives for them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use twinspire_core::ids::GenerationNo;

/// A user and an item that the user took; a line of the JSON lines that [`import`](crate::import) reads.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct TrainingPair {
    /// The user's raw features, as a recall takes them.
    pub user: Value,
    /// The id of the item.
    pub positive: String,
    /// Ids of other items the user is known to have taken: never negatives.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<String>,
}

impl TrainingPair {
    /// A user and an item that the user took.
    #[must_use]
    pub fn new(user: Value, positive: impl Into<String>) -> Self {
        Self {
            user,
            positive: positive.into(),
            known: Vec::new(),
        }
    }

    /// Other items the user is known to have taken. Calls add up.
    #[must_use]
    pub fn known(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.known.extend(ids.into_iter().map(Into::into));
        self
    }
}

/// What was mined of a pair; a line of the JSON lines that the command `mine` writes. Of a line only
/// `user` and `positive` are needed, so that negatives found elsewhere can be given in the same way.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MinedPair {
    /// The pair's place in the stream, from 0.
    #[serde(rename = "pair", default)]
    pub at: u64,
    /// The generation whose towers and vectors it was mined from, the same for all pairs of a mining.
    #[serde(default)]
    pub generation: GenerationNo,
    /// The pair.
    #[serde(flatten)]
    pub pair: TrainingPair,
    /// The positive's exact score.
    #[serde(default)]
    pub positive_score: f32,
    /// The positive's rank among what the recall answers with, from 1: one more than there are items with
    /// a better score, known positives not counted. None if it lies beyond the depth that was searched.
    #[serde(default)]
    pub positive_rank: Option<u32>,
    /// Whether the space fails here: the positive is at no rank up to the bound.
    #[serde(default)]
    pub hard_positive: bool,
    /// Items near the positive's user that nobody knows to be positives, best first.
    #[serde(default)]
    pub negatives: Vec<MinedNegative>,
}

/// An item that the user is not known to have taken.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MinedNegative {
    /// The item's id.
    pub id: String,
    /// Its rank, from 1, among the items that are not known to be positives.
    #[serde(default)]
    pub rank: u32,
    /// Its score.
    #[serde(default)]
    pub score: f32,
}
