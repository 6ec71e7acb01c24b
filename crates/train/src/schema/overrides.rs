//! What a user says of fields and layers, in place of what the data seems to say.

use super::super::error::TrainError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::describe;
use twinspire_towers::internals::schema::{FeatureSchema, LayerSchema, TableSchema};

/// The rule for all fields that have none of their own.
const ALL: &str = "*";

/// Changes to the description of the towers that is derived from the data.
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
    /// Of the user tower.
    pub user: TowerOverrides,
    /// Of the item tower.
    pub item: TowerOverrides,
}

/// Changes to one tower.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TowerOverrides {
    /// By field, what is to be read of it: `"drop"` for nothing, `"keep"` for what is derived, a kind
    /// of feature such as `"text"`, or an object of keys as in `tower.json`, each in place of the
    /// derived one. A `table` in it is the name of a table, or an object of `dimension` and
    /// `lookup`, either of which may be left out. The field `"*"` stands for all that are not named.
    pub fields: BTreeMap<String, Value>,
    /// The layers as in `tower.json`, in place of the derived ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<Vec<Value>>,
}

/// What is to be done with a field.
pub(super) enum Rule<'a> {
    /// Nothing is read of it.
    Drop,
    /// What is derived.
    Keep,
    /// Keys in place of those that are derived.
    Change(Map<String, Value>, &'a str),
}

impl Overrides {
    /// Those of a side.
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
                let what = format!(
                    "\"drop\", \"keep\", a kind of feature or an object of its keys expected, \
                     found {}",
                    describe(other)
                );
                Err(wrong(side, field, what))
            }
        }
    }

    /// The fields that are named.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        let names = self.fields.keys().map(String::as_str);
        names.filter(|name| *name != ALL)
    }

    /// The layers: those given here, or else those that were derived.
    pub(super) fn layers_or(
        &self,
        side: Side,
        derived: Vec<LayerSchema>,
    ) -> Result<Vec<LayerSchema>, TrainError> {
        let Some(layers) = &self.layers else {
            return Ok(derived);
        };
        let each = layers.iter().enumerate().map(|(at, layer)| {
            let place = format!("{side} layer {at}");
            read(layer.clone(), &place)
        });
        each.collect()
    }
}

/// A feature of which some keys are replaced, without its table.
pub(super) fn feature(
    derived: Value,
    keys: &Map<String, Value>,
    place: &str,
) -> Result<FeatureSchema, TrainError> {
    read(changed(derived, keys), place)
}

/// A table of which some keys are replaced.
pub(super) fn table(
    derived: &TableSchema,
    keys: &Map<String, Value>,
    place: &str,
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

fn read<T: DeserializeOwned>(value: Value, place: &str) -> Result<T, TrainError> {
    serde_json::from_value(value).map_err(|error| TrainError::Override {
        place: place.to_owned(),
        what: error.to_string(),
    })
}

/// That something said of a field cannot be followed.
pub(super) fn wrong(side: Side, field: &str, what: impl Into<String>) -> TrainError {
    TrainError::Override {
        place: format!("{side} field {field:?}"),
        what: what.into(),
    }
}
