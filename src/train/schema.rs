//! A schema from the columns of the data: what there is to read decides what the towers read.

use super::dataset::Dataset;
use super::youtube::Config;
use crate::kernel::Metric;
use crate::tower::schema::{
    Activation, FORMAT, FeatureKind, FeatureSchema, Grams, HashFunction, LayerKind, LayerSchema,
    LookupSchema, Missing, OtherFields, Pooling, Schema, TableSchema, TowerSchema, Unknown,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The feature that holds a user's past items, newest last.
pub(crate) const HISTORY: &str = "history";
/// The table of items, shared by history and item id.
pub(crate) const ITEMS: &str = "item_id";

/// Names of fields that hold text to be read by its trigrams.
const TEXTS: [&str; 5] = ["title", "name", "text", "description", "body"];
/// A column of strings with more different ones than this is not a category.
const MAX_CATEGORIES: usize = 2000;
/// Buckets of the table of letter trigrams.
const TRIGRAM_BUCKETS: u32 = 8192;

/// What the values of a field are.
#[derive(Debug, PartialEq)]
enum Column {
    Number { mean: f32, deviation: f32 },
    Categories(Vec<String>),
    Text,
}

/// The schema of the two towers.
pub(crate) fn derive(
    data: &Dataset,
    items: Vec<String>,
    users: Vec<String>,
    config: &Config,
) -> Schema {
    let mut tables = BTreeMap::new();
    let mut table = |name: &str, dimension: usize, lookup: LookupSchema| {
        let dimension = Some(dimension as u32);
        tables.insert(name.to_owned(), TableSchema { dimension, lookup });
        name.to_owned()
    };
    let known = |ids: Vec<String>| LookupSchema::Vocabulary {
        ids,
        unknown: Unknown::Buckets(1),
    };
    let shared = table(ITEMS, config.dimension, known(items));
    let optional = |kind: FeatureKind| FeatureSchema {
        missing: Missing::Zero,
        kind,
    };
    let histories = config.history.iter().map(|items| {
        optional(FeatureKind::Ids {
            field: HISTORY.to_owned(),
            table: shared.clone(),
            pooling: Pooling::Mean,
            limit: *items as u32,
            recency: None,
        })
    });
    // First, so that the sampler knows where they are.
    let mut user: Vec<_> = histories.collect();
    if config.user_dimension > 0 {
        user.push(optional(FeatureKind::Id {
            field: "user_id".to_owned(),
            table: table("user_id", config.user_dimension, known(users)),
        }));
    }
    let mut item = vec![FeatureSchema {
        missing: Missing::Error,
        kind: FeatureKind::Id {
            field: "id".to_owned(),
            table: shared,
        },
    }];
    let mut unread = vec!["user_id".to_owned()];
    for (side, records, features) in [
        ("user", &data.users, &mut user),
        ("item", &data.items, &mut item),
    ] {
        for (field, column) in columns(records, if side == "user" { "user_id" } else { "id" }) {
            if side == "user" && field == HISTORY {
                continue;
            }
            let name = format!("{side}.{field}");
            let kind = match column {
                Some(Column::Number { mean, deviation }) => FeatureKind::Number {
                    field,
                    clip: None,
                    log: false,
                    mean,
                    deviation,
                    missing_flag: false,
                },
                Some(Column::Categories(ids)) => {
                    let lookup = LookupSchema::Vocabulary {
                        ids,
                        unknown: Unknown::Skip,
                    };
                    FeatureKind::Categories {
                        field,
                        table: table(&name, config.category_dimension, lookup),
                        pooling: Pooling::Mean,
                    }
                }
                Some(Column::Text) => {
                    let lookup = LookupSchema::Hash {
                        buckets: TRIGRAM_BUCKETS,
                        seed: 0,
                        function: HashFunction::Xxh3,
                        hashes: 1,
                    };
                    FeatureKind::Text {
                        field,
                        table: table(&name, config.text_dimension, lookup),
                        pooling: Pooling::Mean,
                        grams: Grams::Trigrams,
                        limit: None,
                    }
                }
                None => {
                    if side == "user" {
                        unread.push(field);
                    }
                    continue;
                }
            };
            features.push(optional(kind));
        }
    }
    let layers = || {
        let dense = |units: usize, activation| {
            LayerSchema::of(LayerKind::Dense {
                units: units as u32,
                activation,
                bias: true,
            })
        };
        let hidden = config.hidden.iter();
        let mut layers: Vec<_> = hidden
            .map(|units| dense(*units, Activation::Relu))
            .collect();
        layers.push(dense(config.dimension, Activation::Linear));
        layers.push(LayerSchema::of(LayerKind::L2Normalise {}));
        layers
    };
    Schema {
        format: FORMAT,
        name: "youtube two-tower".to_owned(),
        dimension: config.dimension as u32,
        metric: Metric::Cosine,
        user: Some(TowerSchema {
            features: user,
            layers: layers(),
            other_fields: Some(OtherFields::Allow(unread)),
        }),
        item: Some(TowerSchema {
            features: item,
            layers: layers(),
            other_fields: None,
        }),
        tables,
    }
}

/// What each field but `id` is; none for one that no feature can read.
fn columns(records: &[Value], id: &str) -> BTreeMap<String, Option<Column>> {
    let mut values: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (field, value) in records.iter().filter_map(Value::as_object).flatten() {
        if field != id && !value.is_null() {
            values.entry(field).or_default().push(value);
        }
    }
    let named = values.into_iter();
    named
        .map(|(field, values)| (field.to_owned(), column(field, &values)))
        .collect()
}

fn column(field: &str, values: &[&Value]) -> Option<Column> {
    if values.iter().all(|value| value.is_number()) {
        let numbers: Vec<f64> = values.iter().filter_map(|value| value.as_f64()).collect();
        let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
        let squares = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        let deviation = (squares / numbers.len() as f64).sqrt() as f32;
        let fits = deviation.is_finite() && deviation > 0.0 && (mean as f32).is_finite();
        return fits.then_some(Column::Number {
            mean: mean as f32,
            deviation,
        });
    }
    if TEXTS.contains(&field) && values.iter().all(|value| value.is_string()) {
        return Some(Column::Text);
    }
    let mut distinct = BTreeSet::new();
    for value in values {
        match value {
            Value::String(text) => drop(distinct.insert(text.clone())),
            Value::Array(list) => {
                for value in list {
                    distinct.insert(value.as_str()?.to_owned());
                }
            }
            _ => return None,
        }
    }
    let some = !distinct.is_empty() && distinct.len() <= MAX_CATEGORIES;
    // Nearly a string of its own for every record: nothing would be learnt about others.
    let shared = distinct.len() * 2 <= values.len() || distinct.len() < 16;
    (some && shared).then(|| Column::Categories(distinct.into_iter().collect()))
}
