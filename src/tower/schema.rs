//! `tower.json`: what the towers read and how they are built.

use super::TowerError;
use crate::kernel::{MAX_DIMENSION, Metric};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The schema's file name in a towers directory.
pub(crate) const FILE: &str = "tower.json";
/// The version of the schema written and read here.
pub(crate) const FORMAT: u32 = 1;

/// Bounds that keep a hostile schema from asking for more memory than a real one would.
const MAX_WIDTH: u32 = 1 << 16;
const MAX_PARTS: usize = 1024;

/// The whole description.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schema {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// The model's name, for people.
    pub(crate) name: String,
    /// Components of a vector: what the last layer of both towers gives.
    pub(crate) dimension: u32,
    /// How a user is compared with an item.
    pub(crate) metric: Metric,
    /// Embedding tables; features of both towers may share one.
    #[serde(default)]
    pub(crate) tables: BTreeMap<String, TableSchema>,
    /// The tower for queries.
    pub(crate) user: TowerSchema,
    /// The tower for items.
    pub(crate) item: TowerSchema,
}

/// An embedding table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableSchema {
    /// Components of a row.
    pub(crate) dimension: u32,
    /// Which string has which row.
    pub(crate) lookup: LookupSchema,
}

/// How a string finds its row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LookupSchema {
    /// By its place in a list.
    Vocabulary {
        /// The strings, in row order.
        ids: Vec<String>,
        /// What happens to all others.
        #[serde(default)]
        unknown: Unknown,
    },
    /// By XXH3-64 with a seed, modulo the number of rows.
    Hash {
        /// Rows.
        buckets: u32,
        /// Of the hash.
        #[serde(default)]
        seed: u64,
    },
}

/// What happens to a string that is not in a vocabulary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unknown {
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
pub(crate) struct TowerSchema {
    /// What it reads; the outputs are laid side by side as the input of the first layer.
    pub(crate) features: Vec<FeatureSchema>,
    /// What it computes.
    pub(crate) layers: Vec<LayerSchema>,
    /// What happens to fields that no feature reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) other_fields: Option<OtherFields>,
}

/// What happens to fields that no feature reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OtherFields {
    /// The record is refused: the default for users, where such a field is a typing error.
    Error,
    /// Nothing: the default for items, which have fields for other purposes.
    Ignore,
    /// The record is refused but for these fields, which may be there.
    Allow(Vec<String>),
}

/// One feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum FeatureSchema {
    /// One string (or integer), embedded.
    Id {
        field: String,
        table: String,
        #[serde(default)]
        missing: Missing,
    },
    /// A list of strings in order of time, the newest last, embedded and pooled.
    Ids {
        field: String,
        table: String,
        #[serde(default)]
        pooling: Pooling,
        /// How many of the newest are read.
        limit: u32,
        #[serde(default)]
        missing: Missing,
    },
    /// One string or a set of them, embedded and pooled.
    Categories {
        field: String,
        table: String,
        #[serde(default)]
        pooling: Pooling,
        #[serde(default)]
        missing: Missing,
    },
    /// A number, standardised.
    Number {
        field: String,
        /// Subtracted.
        mean: f32,
        /// Divided by.
        deviation: f32,
        #[serde(default)]
        missing: Missing,
    },
    /// Text, as the letter trigrams of its words, embedded and pooled.
    Text {
        field: String,
        table: String,
        #[serde(default)]
        pooling: Pooling,
        #[serde(default)]
        missing: Missing,
    },
}

/// What stands for a field that is absent or null.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Missing {
    /// The record is refused.
    #[default]
    Error,
    /// Zeros, which for a number is its mean.
    Zero,
}

/// How embeddings of several strings become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum divided by the square root of their number.
    Sqrtn,
}

/// One layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum LayerSchema {
    /// `activation(weight · x + bias)`.
    Dense {
        /// Components of its output.
        units: u32,
        #[serde(default)]
        activation: Activation,
    },
    /// Scales to length 1; zeros stay zeros.
    L2Normalise {},
}

/// What a dense layer does to each component.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Activation {
    /// Nothing.
    #[default]
    Linear,
    /// max(x, 0).
    Relu,
    /// The hyperbolic tangent.
    Tanh,
}

impl Pooling {
    /// What the sum of `count` embeddings is multiplied by.
    pub(crate) fn scale(self, count: usize) -> f32 {
        match self {
            _ if count == 0 => 0.0,
            Self::Mean => 1.0 / count as f32,
            Self::Sum => 1.0,
            Self::Sqrtn => 1.0 / (count as f32).sqrt(),
        }
    }
}

impl FeatureSchema {
    /// The field it reads.
    pub(crate) fn field(&self) -> &str {
        match self {
            Self::Id { field, .. }
            | Self::Ids { field, .. }
            | Self::Categories { field, .. }
            | Self::Number { field, .. }
            | Self::Text { field, .. } => field,
        }
    }

    /// The table it looks strings up in; none for a number.
    pub(crate) fn table(&self) -> Option<&str> {
        match self {
            Self::Id { table, .. }
            | Self::Ids { table, .. }
            | Self::Categories { table, .. }
            | Self::Text { table, .. } => Some(table),
            Self::Number { .. } => None,
        }
    }

    /// What stands for the field when it is not there.
    pub(crate) fn missing(&self) -> Missing {
        match self {
            Self::Id { missing, .. }
            | Self::Ids { missing, .. }
            | Self::Categories { missing, .. }
            | Self::Number { missing, .. }
            | Self::Text { missing, .. } => *missing,
        }
    }

    /// How its strings are pooled.
    pub(crate) fn pooling(&self) -> Pooling {
        match self {
            Self::Ids { pooling, .. }
            | Self::Categories { pooling, .. }
            | Self::Text { pooling, .. } => *pooling,
            Self::Id { .. } | Self::Number { .. } => Pooling::Sum,
        }
    }
}

impl Schema {
    /// Reads the schema and checks all that can be checked without the weights.
    pub(crate) fn parse(json: &[u8]) -> Result<Self, TowerError> {
        let schema: Self = serde_json::from_slice(json).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            TowerError::schema(place, error.to_string())
        })?;
        schema.validate()?;
        Ok(schema)
    }

    /// The file's bytes.
    #[cfg(any(test, feature = "train"))]
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, TowerError> {
        serde_json::to_vec_pretty(self)
            .map_err(|error| TowerError::schema("file", error.to_string()))
    }

    fn validate(&self) -> Result<(), TowerError> {
        if self.format != FORMAT {
            let what = format!("is {}, this program reads {FORMAT}", self.format);
            return Err(TowerError::schema("format", what));
        }
        size("dimension", self.dimension, MAX_DIMENSION)?;
        if self.tables.len() > MAX_PARTS {
            return Err(TowerError::schema(
                "tables",
                format!("more than {MAX_PARTS}"),
            ));
        }
        for (name, table) in &self.tables {
            let place = format!("table {name:?}");
            size(&place, table.dimension, MAX_WIDTH)?;
            if let LookupSchema::Hash { buckets: 0, .. } = table.lookup {
                return Err(TowerError::schema(
                    place,
                    "a hash needs at least one bucket",
                ));
            }
        }
        self.validate_tower("user", &self.user)?;
        self.validate_tower("item", &self.item)
    }

    fn validate_tower(&self, side: &str, tower: &TowerSchema) -> Result<(), TowerError> {
        if tower.features.is_empty() {
            return Err(TowerError::schema(
                format!("{side} features"),
                "there are none",
            ));
        }
        if tower.features.len().max(tower.layers.len()) > MAX_PARTS {
            return Err(TowerError::schema(
                side,
                format!("more than {MAX_PARTS} parts"),
            ));
        }
        for (at, feature) in tower.features.iter().enumerate() {
            let place = || format!("{side} feature {at} ({:?})", feature.field());
            if let Some(table) = feature.table()
                && !self.tables.contains_key(table)
            {
                return Err(TowerError::schema(
                    place(),
                    format!("there is no table {table:?}"),
                ));
            }
            match feature {
                FeatureSchema::Number {
                    mean, deviation, ..
                } if !(mean.is_finite() && deviation.is_finite() && *deviation > 0.0) => {
                    let what = "mean and deviation must be finite and the deviation above 0";
                    return Err(TowerError::schema(place(), what));
                }
                FeatureSchema::Ids { limit: 0, .. } => {
                    return Err(TowerError::schema(place(), "a limit of 0 reads nothing"));
                }
                _ => {}
            }
        }
        for (at, layer) in tower.layers.iter().enumerate() {
            if let LayerSchema::Dense { units, .. } = layer {
                size(&format!("{side} layer {at}"), *units, MAX_WIDTH)?;
            }
        }
        let width = tower.width(&self.tables);
        let given = tower.output(width);
        if given != self.dimension as usize {
            let what = format!(
                "the last layer gives {given} components, the dimension is {}",
                self.dimension
            );
            return Err(TowerError::schema(format!("{side} layers"), what));
        }
        Ok(())
    }
}

impl TowerSchema {
    /// Components of the input of the first layer.
    pub(crate) fn width(&self, tables: &BTreeMap<String, TableSchema>) -> usize {
        let widths = self.features.iter().map(|feature| match feature.table() {
            Some(table) => tables
                .get(table)
                .map_or(0, |table| table.dimension as usize),
            None => 1,
        });
        widths.sum()
    }

    /// Components of the output for an input of `width`.
    fn output(&self, width: usize) -> usize {
        let last = self.layers.iter().rev().find_map(|layer| match layer {
            LayerSchema::Dense { units, .. } => Some(*units as usize),
            LayerSchema::L2Normalise {} => None,
        });
        last.unwrap_or(width)
    }
}

fn size(place: &str, found: u32, most: u32) -> Result<(), TowerError> {
    if (1..=most).contains(&found) {
        return Ok(());
    }
    let what = format!("a size of {found} is not between 1 and {most}");
    Err(TowerError::schema(place, what))
}
