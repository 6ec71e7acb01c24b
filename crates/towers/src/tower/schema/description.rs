//! `tower.json` as a whole.

use super::features::FeatureSchema;
use super::layers::LayerSchema;
use super::table::TableSchema;
use crate::tower::error::TowerError;
use crate::tower::files;
use crate::tower::side::Side;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use twinspire_core::kernel::Metric;

/// The version of the description that is read and written.
pub const FORMAT: u32 = 1;

/// The description of both towers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// [`FORMAT`].
    pub format: u32,
    /// The model's name, for people.
    pub name: String,
    /// Components of a vector: the output of the last layer of both towers.
    pub dimension: u32,
    /// How the vector of a user is compared with that of an item.
    pub metric: Metric,
    /// Embedding tables by name; features of both towers may share one.
    #[serde(default)]
    pub tables: BTreeMap<String, TableSchema>,
    /// The tower for queries; without one, queries are vectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<TowerSchema>,
    /// The tower for items; without one, their vectors are computed elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<TowerSchema>,
    /// What newer builds add that older ones may ignore.
    #[serde(default, skip_serializing)]
    pub extensions: IgnoredAny,
}

/// The format of a description that may be of a newer one.
#[derive(Deserialize)]
struct FormatOf {
    format: u32,
}

/// One tower.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TowerSchema {
    /// What it reads. The outputs of all features, concatenated, are the input of the first layer.
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
    /// The record is refused: the default for users, where such a field is probably a typo.
    Error,
    /// They are ignored: the default for items, which have fields for other purposes.
    Ignore,
    /// Only these fields are ignored; with any other the record is refused.
    Allow(Vec<String>),
}

impl Schema {
    /// Parses the description and checks everything that does not need the weights.
    pub fn parse(json: &[u8]) -> Result<Self, TowerError> {
        let schema: Self =
            serde_json::from_slice(json).map_err(|error| match serde_json::from_slice(json) {
                Ok(FormatOf { format }) if format > FORMAT => Self::newer(format),
                _ => TowerError::json(files::DESCRIPTION, error),
            })?;
        schema.validate()?;
        Ok(schema)
    }

    /// The error of a description in a newer format.
    pub(super) fn newer(format: u32) -> TowerError {
        let what = format!("is {format}, this program reads {FORMAT}");
        TowerError::description("format", what)
    }

    /// A description without towers, for vectors that are computed elsewhere.
    pub(crate) fn vectors_only(name: &str, dimension: usize, metric: Metric) -> Self {
        Self {
            format: FORMAT,
            name: name.to_owned(),
            dimension: u32::try_from(dimension).unwrap_or(u32::MAX),
            metric,
            tables: BTreeMap::new(),
            user: None,
            item: None,
            extensions: IgnoredAny,
        }
    }

    /// The text of `tower.json`.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, TowerError> {
        serde_json::to_vec_pretty(self)
            .map_err(|error| TowerError::new(files::DESCRIPTION, "file", error))
    }

    /// The described towers.
    pub fn towers(&self) -> impl Iterator<Item = (Side, &TowerSchema)> {
        let user = self.user.iter().map(|tower| (Side::User, tower));
        user.chain(self.item.iter().map(|tower| (Side::Item, tower)))
    }

    /// Width of each feature of a tower.
    pub(crate) fn widths(&self, tower: &TowerSchema) -> Vec<usize> {
        let features = tower.features.iter();
        let widths = features.map(|feature| feature.width(&self.tables, self.dimension));
        widths.collect()
    }

    /// The weights file that holds a table.
    pub(crate) fn file_of_table(&self, table: &str) -> &'static str {
        let reads = |tower: &TowerSchema| tower.features.iter().any(|f| f.table() == Some(table));
        let reads = |tower: &Option<TowerSchema>| tower.as_ref().is_some_and(reads);
        match (reads(&self.user), reads(&self.item)) {
            (true, false) => files::USER,
            (false, true) => files::ITEM,
            _ => files::SHARED,
        }
    }
}
