use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How two vectors are compared; a larger score is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The cosine of the angle between the two, from -1 to 1. Vectors are stored normalised.
    Cosine,
    /// The inner product of the vectors as given.
    InnerProduct,
    /// The negative squared Euclidean distance.
    L2,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cosine => "cosine",
            Self::InnerProduct => "inner product",
            Self::L2 => "L2",
        })
    }
}
