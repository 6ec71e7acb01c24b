//! `tower.json`: what the towers read and how they are built.
//!
//! `features` is what a tower reads of a record, `numbering` how it may number it, `layers` what it
//! computes, `check` what makes a description one of towers that can exist.

mod check;
mod features;
mod layers;
mod numbering;

pub use check::Wiring;
pub use features::{FeatureKind, FeatureSchema, Grams, Missing, Pooling, Recency, To, Until};
pub use layers::{Activation, LayerKind, LayerSchema, OnnxInput};
pub use layers::{From, INPUT};
pub use numbering::PadAt;

use super::{Side, TowerError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use twinspire_core::kernel::Metric;

/// The schema's file name in a towers directory.
pub(crate) const FILE: &str = "tower.json";
/// The version of the schema written and read here.
pub const FORMAT: u32 = 1;

/// The whole description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// [`FORMAT`].
    pub format: u32,
    /// The model's name, for people.
    pub name: String,
    /// Components of a vector: what the last layer of both towers gives.
    pub dimension: u32,
    /// How a user is compared with an item.
    pub metric: Metric,
    /// Embedding tables; features of both towers may share one.
    #[serde(default)]
    pub tables: BTreeMap<String, TableSchema>,
    /// The tower for queries; without one they are vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<TowerSchema>,
    /// The tower for items; without one their vectors are computed elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<TowerSchema>,
}

/// An embedding table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableSchema {
    /// Components of a row; a table without has rows to number strings by, and no weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<u32>,
    /// Which string has which row.
    pub lookup: LookupSchema,
}

/// How a string finds its row.
#[expect(
    missing_docs,
    reason = "storage-format.md describes the fields once, for all kinds"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LookupSchema {
    /// By its place in a list.
    Vocabulary {
        /// The strings, in row order.
        ids: Vec<String>,
        /// What happens to all others.
        #[serde(default)]
        unknown: Unknown,
    },
    /// By a hash, modulo the number of rows.
    Hash {
        /// Rows.
        buckets: u32,
        /// Of the hash.
        #[serde(default)]
        seed: u64,
        #[serde(default)]
        function: HashFunction,
        /// Rows for each string, of this seed and those that follow it.
        #[serde(default = "one")]
        hashes: u32,
    },
    /// It is the row, in decimal digits.
    Index {
        /// Rows.
        rows: u32,
    },
}

/// A hash of strings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HashFunction {
    /// XXH3, 64 bits, with a seed.
    #[default]
    Xxh3,
    /// Fingerprint64 of FarmHash, as TensorFlow's `string_to_hash_bucket_fast`.
    FarmHash,
    /// SipHash-2-4 with this key, as TensorFlow's `string_to_hash_bucket_strong`.
    SipHash([u64; 2]),
    /// MurmurHash3, 32 bits, with a seed, without its sign, as scikit-learn's `FeatureHasher`.
    Murmur3,
}

fn one() -> u32 {
    1
}

/// What happens to a string that is not in a vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// The record is refused.
    #[default]
    Error,
    /// It counts for nothing.
    Skip,
    /// It shares one of so many rows behind the vocabulary, chosen by hash.
    Buckets(u32),
}

/// One tower.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TowerSchema {
    /// What it reads; the outputs are laid side by side as the input of the first layer.
    pub features: Vec<FeatureSchema>,
    /// What it computes.
    pub layers: Vec<LayerSchema>,
    /// What happens to fields that no feature reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_fields: Option<OtherFields>,
}

/// What happens to fields that no feature reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OtherFields {
    /// The record is refused: the default for users, where such a field is a typing error.
    Error,
    /// Nothing: the default for items, which have fields for other purposes.
    Ignore,
    /// The record is refused but for these fields, which may be there.
    Allow(Vec<String>),
}

impl Schema {
    /// Reads the schema and checks all that can be checked without the weights.
    pub fn parse(json: &[u8]) -> Result<Self, TowerError> {
        let schema: Self = serde_json::from_slice(json).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            TowerError::schema(place, error.to_string())
        })?;
        schema.validate()?;
        Ok(schema)
    }

    /// A description without towers.
    pub(crate) fn vectors_only(name: &str, dimension: usize, metric: Metric) -> Self {
        Self {
            format: FORMAT,
            name: name.to_owned(),
            dimension: u32::try_from(dimension).unwrap_or(u32::MAX),
            metric,
            tables: BTreeMap::new(),
            user: None,
            item: None,
        }
    }

    /// The file's bytes.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, TowerError> {
        serde_json::to_vec_pretty(self)
            .map_err(|error| TowerError::schema("file", error.to_string()))
    }

    /// The towers there are.
    pub fn towers(&self) -> impl Iterator<Item = (Side, &TowerSchema)> {
        let user = self.user.iter().map(|tower| (Side::User, tower));
        user.chain(self.item.iter().map(|tower| (Side::Item, tower)))
    }

    /// Numbers that each feature of a tower gives.
    pub(crate) fn widths(&self, tower: &TowerSchema) -> Vec<usize> {
        let features = tower.features.iter();
        let widths = features.map(|feature| feature.width(&self.tables, self.dimension));
        widths.collect()
    }
}
