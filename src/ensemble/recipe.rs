//! What a recipe says, as it is stored and as JSON.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that an ensemble says.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Recipe {
    /// How the spaces become one.
    pub(crate) method: Method,
}

/// How several spaces become one.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Method {
    /// By the weighted sum of scores.
    Weighted {
        /// The weight of each space.
        spaces: BTreeMap<String, f32>,
    },
    /// The first recalls, each further one keeps some of what the one before kept.
    Cascade {
        /// The stages, in order.
        stages: Vec<Stage>,
    },
}

/// A stage of a cascade.
#[derive(Clone, Debug, PartialEq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stage {
    /// The space that scores.
    pub(crate) space: String,
    /// So many are kept.
    pub(crate) take: u32,
    /// What scores below is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at_least: Option<f32>,
}

impl Method {
    /// As JSON has it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Weighted { .. } => "weighted",
            Self::Cascade { .. } => "cascade",
        }
    }

    /// The spaces in the order of the recipe, as often as they are named.
    pub(crate) fn named(&self) -> Vec<&str> {
        match self {
            Self::Weighted { spaces } => spaces.keys().map(String::as_str).collect(),
            Self::Cascade { stages } => stages.iter().map(|stage| stage.space.as_str()).collect(),
        }
    }

    /// The weights of spaces, if they have any.
    pub(crate) fn weights(&self) -> Option<&BTreeMap<String, f32>> {
        match self {
            Self::Weighted { spaces } => Some(spaces),
            Self::Cascade { .. } => None,
        }
    }
}
