//! A vector, and what the features that it was made from gave.

use serde::Serialize;

/// A vector with the numbers that it was computed from, to compare with those of the training.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Embedded {
    /// The vector, as it is searched with or stored.
    pub vector: Vec<f32>,
    /// What each feature gave, in the order of `tower.json`.
    pub features: Vec<EmbeddedFeature>,
}

/// What one feature gave to the first layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct EmbeddedFeature {
    /// Its kind, as `tower.json` names it.
    pub kind: String,
    /// The fields that it reads.
    pub fields: Vec<String>,
    /// The rows of its table that were read; empty without a table.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<u32>,
    /// Its part of the input of the first layer.
    pub numbers: Vec<f32>,
}
