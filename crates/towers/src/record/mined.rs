//! Training examples: pairs of a user and an item, and the hard negatives that a search finds for them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::sync::Arc;
use twinspire_core::ids::GenerationNo;

/// A user with a positive item; one line of a file of training pairs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct TrainingPair {
    /// The raw features of the user, as a recall takes them.
    pub user: Value,
    /// The id of the positive item.
    pub positive: String,
    /// The ids of known positives, which are never negatives. Pairs of one user share the list, so that a long
    /// history is not repeated for each of its events; `positive` may be among them.
    #[serde(
        default = "no_ids",
        skip_serializing_if = "<[String]>::is_empty",
        serialize_with = "write_ids",
        deserialize_with = "read_ids"
    )]
    pub known: Arc<[String]>,
}

impl TrainingPair {
    /// A user with a positive item.
    #[must_use]
    pub fn new(user: Value, positive: impl Into<String>) -> Self {
        Self {
            user,
            positive: positive.into(),
            known: no_ids(),
        }
    }

    /// Sets the known positives: a list of ids, or an `Arc` of one that several pairs share.
    #[must_use]
    pub fn known(mut self, ids: impl Into<KnownIds>) -> Self {
        self.known = ids.into().0;
        self
    }

    /// The pair without its known positives.
    #[must_use]
    pub fn without_known(mut self) -> Self {
        self.known = no_ids();
        self
    }
}

/// A list of ids that pairs can share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownIds(Arc<[String]>);

impl From<Arc<[String]>> for KnownIds {
    fn from(ids: Arc<[String]>) -> Self {
        Self(ids)
    }
}

impl<S: Into<String>> From<Vec<S>> for KnownIds {
    fn from(ids: Vec<S>) -> Self {
        Self(ids.into_iter().map(Into::into).collect())
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for KnownIds {
    fn from(ids: [S; N]) -> Self {
        Self(ids.into_iter().map(Into::into).collect())
    }
}

fn no_ids() -> Arc<[String]> {
    Arc::from([])
}

fn write_ids<S: Serializer>(ids: &Arc<[String]>, serializer: S) -> Result<S::Ok, S::Error> {
    ids.as_ref().serialize(serializer)
}

fn read_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[String]>, D::Error> {
    Vec::deserialize(deserializer).map(Arc::from)
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
