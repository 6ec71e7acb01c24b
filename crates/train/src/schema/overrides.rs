//! Overrides of what is derived from the data.

use crate::error::TrainError;
use crate::error_reason::{OverrideFault, SchemaPlace};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::describe;
use twinspire_towers::internals::schema::{FeatureSchema, LayerSchema, TableSchema};

/// The name that stands for every field without a rule of its own.
const ALL: &str = "*";

/// Overrides of the description of the towers that is derived from the data.
///
/// ```
/// # mod twinspire { pub use twinspire_towers::*; pub use twinspire_train as train; }
/// # fn main() -> Result<(), serde_json::Error> {
/// use serde_json::json;
/// use twinspire::train::{LogParams, Overrides, youtube};
///
/// let schema: Overrides = serde_json::from_value(json!({
///     "user": {"fields": {"zip": "drop", "age": {"kind": "buckets", "boundaries": [18, 30, 50]}}},
///     "item": {"fields": {"title": {"grams": {"words": [1, 2]}, "table": {"dimension": 32}}}}
/// }))?;
/// let log = LogParams { schema, ..LogParams::default() };
/// let config = youtube::Config { log, ..youtube::Config::default() };
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overrides {
    /// Overrides of the user tower.
    pub user: TowerOverrides,
    /// Overrides of the item tower.
    pub item: TowerOverrides,
}

/// Overrides of one tower.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TowerOverrides {
    /// Rules by field:
    ///
    /// - `"drop"`: the field is not read.
    /// - `"keep"`: the derived feature.
    /// - a kind of feature, such as `"text"`.
    /// - an object of keys as in `tower.json`, which replace the derived ones. Its `table` is the name of a
    ///   table, or an object with `dimension`, `lookup` or both.
    ///
    /// The field `"*"` stands for every field that is not named.
    pub fields: BTreeMap<String, Value>,
    /// Layers as in `tower.json`, instead of the derived ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<Value>>,
}

/// The rule for a field.
pub(super) enum Rule<'a> {
    /// It is not read.
    Drop,
    /// The derived feature.
    Keep,
    /// Keys that replace derived ones.
    Change(Map<String, Value>, &'a str),
}

impl Overrides {
    /// The overrides of a side.
    pub(super) fn of(&self, side: Side) -> &TowerOverrides {
        match side {
            Side::User => &self.user,
            Side::Item => &self.item,
        }
    }
}

impl TowerOverrides {
    /// The rule for a field.
    pub(super) fn rule<'a>(&'a self, side: Side, field: &'a str) -> Result<Rule<'a>, TrainError> {
        let rule = self.fields.get(field).or_else(|| self.fields.get(ALL));
        match rule {
            None => Ok(Rule::Keep),
            Some(Value::String(word)) => Ok(match word.as_str() {
                "drop" => Rule::Drop,
                "keep" => Rule::Keep,
                kind => Rule::Change(Map::from_iter([("kind".to_owned(), json!(kind))]), field),
            }),
            Some(Value::Object(keys)) => Ok(Rule::Change(keys.clone(), field)),
            Some(other) => {
                let found = describe(other);
                Err(invalid(side, field, OverrideFault::Rule { found }))
            }
        }
    }

    /// Names of the fields with a rule of their own.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        let names = self.fields.keys().map(String::as_str);
        names.filter(|name| *name != ALL)
    }

    /// The overriding layers, or else the derived ones.
    pub(super) fn layers_or(
        &self,
        side: Side,
        derived: Vec<LayerSchema>,
    ) -> Result<Vec<LayerSchema>, TrainError> {
        let Some(layers) = &self.layers else {
            return Ok(derived);
        };
        let each = layers
            .iter()
            .enumerate()
            .map(|(at, layer)| read(layer.clone(), &SchemaPlace::Layer { side, at }));
        each.collect()
    }
}

/// A feature with some keys replaced. Its table is handled apart.
pub(super) fn feature(
    derived: Value,
    keys: &Map<String, Value>,
    place: &SchemaPlace,
) -> Result<FeatureSchema, TrainError> {
    read(changed(derived, keys), place)
}

/// A table with some keys replaced.
pub(super) fn table(
    derived: &TableSchema,
    keys: &Map<String, Value>,
    place: &SchemaPlace,
) -> Result<TableSchema, TrainError> {
    read(changed(json!(derived), keys), place)
}

fn changed(mut derived: Value, keys: &Map<String, Value>) -> Value {
    if let Some(all) = derived.as_object_mut() {
        for (key, value) in keys {
            all.insert(key.clone(), value.clone());
        }
    }
    derived
}

fn read<T: DeserializeOwned>(value: Value, place: &SchemaPlace) -> Result<T, TrainError> {
    serde_json::from_value(value).map_err(|error| TrainError::Override {
        place: place.clone(),
        fault: OverrideFault::Malformed(error.to_string()),
    })
}

/// The error of an invalid override of a field.
pub(super) fn invalid(side: Side, field: &str, fault: OverrideFault) -> TrainError {
    let field = field.to_owned();
    let place = SchemaPlace::Field { side, field };
    TrainError::Override { place, fault }
}
