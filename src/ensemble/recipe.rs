//! The recipe of an ensemble, as it is stored and as JSON.

use super::business_weight::BusinessWeight;
use super::diversity::Diversity;
use super::normalisation::Normalisation;
use bincode::{Decode, Encode};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The recipe of an ensemble.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize)]
pub(crate) struct Recipe {
    /// How scores of the spaces are fused.
    #[serde(flatten)]
    pub(crate) method: Method,
    /// The business weight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) business: Option<BusinessWeight>,
    /// Re-ranking for diversity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) diversity: Option<Diversity>,
}

/// Written by hand: serde cannot refuse unknown members of a flattened struct.
impl<'de> Deserialize<'de> for Recipe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn read<T: DeserializeOwned, E: serde::de::Error>(value: Value) -> Result<T, E> {
            serde_json::from_value(value).map_err(E::custom)
        }
        let mut members = Map::deserialize(deserializer)?;
        let (business, diversity) = (members.remove("business"), members.remove("diversity"));
        Ok(Self {
            method: read(Value::Object(members))?,
            business: business.map(read).transpose()?.flatten(),
            diversity: diversity.map(read).transpose()?.flatten(),
        })
    }
}

/// How several spaces are fused.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Method {
    /// The weighted sum of scores.
    Weighted {
        /// The weight of each space.
        spaces: BTreeMap<String, f32>,
        /// The score of an item without a vector; without it such items are left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        missing: Option<f32>,
        /// A fused space of these spaces, whose graph is searched instead of theirs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fused: Option<String>,
    },
    /// Stages: the first recalls, each further one keeps the best of the one before.
    Cascade {
        /// The stages, in order.
        stages: Vec<Stage>,
    },
    /// Reciprocal rank fusion.
    RankFusion {
        /// The weight of each space.
        #[serde(deserialize_with = "weights_or_names")]
        spaces: BTreeMap<String, f32>,
        /// The constant added to every rank.
        #[serde(default = "default_k")]
        k: u32,
        /// Length of the list of each space.
        #[serde(default = "default_depth")]
        depth: u32,
    },
    /// The weighted sum of normalised scores.
    Normalised {
        /// The weight of each space.
        #[serde(deserialize_with = "weights_or_names")]
        spaces: BTreeMap<String, f32>,
        /// How they are normalised.
        by: Normalisation,
        /// Length of the list of each space, from which the scale is taken.
        #[serde(default = "default_depth")]
        depth: u32,
    },
    /// Channels take turns until their quotas are full.
    Quotas {
        /// The channels, in the order of their turns.
        channels: Vec<Channel>,
    },
}

/// Default constant of rank fusion.
pub(super) const DEFAULT_K: u32 = 60;
/// Default length of lists.
pub(super) const DEFAULT_DEPTH: u32 = 100;

fn default_k() -> u32 {
    DEFAULT_K
}

fn default_depth() -> u32 {
    DEFAULT_DEPTH
}

/// A weight of each space, or a list of spaces that all have the weight 1.
fn weights_or_names<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, f32>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if !value.is_array() {
        return serde_json::from_value(value).map_err(D::Error::custom);
    }
    let names: Vec<String> = serde_json::from_value(value).map_err(D::Error::custom)?;
    let mut weights = BTreeMap::new();
    for name in names {
        if let Some((name, _)) = weights.get_key_value(&name) {
            return Err(D::Error::custom(format!("space {name:?} is named twice")));
        }
        weights.insert(name, 1.0);
    }
    Ok(weights)
}

/// A stage of a cascade.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stage {
    /// The space that scores.
    pub(crate) space: String,
    /// Number of items that are kept.
    pub(crate) take: u32,
    /// Minimum score in the space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at_least: Option<f32>,
}

/// A channel of quotas.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(try_from = "ChannelText", into = "ChannelText")]
pub(crate) struct Channel {
    /// The space.
    pub(crate) space: String,
    /// Its quota.
    pub(crate) share: Share,
}

/// The quota of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
pub(crate) enum Share {
    /// A share of the answer; all shares sum to 1.
    Share(f32),
    /// A number of items.
    Count(u32),
}

/// A channel as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChannelText {
    space: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
}

impl From<Channel> for ChannelText {
    fn from(channel: Channel) -> Self {
        let (share, count) = match channel.share {
            Share::Share(share) => (Some(share), None),
            Share::Count(count) => (None, Some(count)),
        };
        let space = channel.space;
        Self {
            space,
            share,
            count,
        }
    }
}

impl TryFrom<ChannelText> for Channel {
    type Error = String;

    fn try_from(text: ChannelText) -> Result<Self, String> {
        let space = text.space;
        let share = match (text.share, text.count) {
            (Some(share), None) => Share::Share(share),
            (None, Some(count)) => Share::Count(count),
            _ => return Err(format!("channel {space:?} needs a `share` or a `count`")),
        };
        Ok(Self { space, share })
    }
}

impl Method {
    /// The name in JSON.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Weighted { .. } => "weighted",
            Self::Cascade { .. } => "cascade",
            Self::RankFusion { .. } => "rank_fusion",
            Self::Normalised { .. } => "normalised",
            Self::Quotas { .. } => "quotas",
        }
    }

    /// The spaces in the order of the recipe, repeated as in the recipe.
    pub(crate) fn named(&self) -> Vec<&str> {
        match self {
            Self::Weighted { spaces, .. }
            | Self::RankFusion { spaces, .. }
            | Self::Normalised { spaces, .. } => spaces.keys().map(String::as_str).collect(),
            Self::Quotas { channels } => channels.iter().map(|c| c.space.as_str()).collect(),
            Self::Cascade { stages } => stages.iter().map(|stage| stage.space.as_str()).collect(),
        }
    }

    /// The fused space whose graph is searched, if there is one.
    pub(crate) fn fused(&self) -> Option<&str> {
        match self {
            Self::Weighted { fused, .. } => fused.as_deref(),
            _ => None,
        }
    }

    /// The weights of the spaces; none where the method has no weights.
    pub(crate) fn weights(&self) -> Option<&BTreeMap<String, f32>> {
        match self {
            Self::Weighted { spaces, .. }
            | Self::RankFusion { spaces, .. }
            | Self::Normalised { spaces, .. } => Some(spaces),
            Self::Cascade { .. } | Self::Quotas { .. } => None,
        }
    }
}
