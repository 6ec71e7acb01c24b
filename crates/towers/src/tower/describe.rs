//! A description of towers for people and tools: features, layers, tables, sizes, an example record.

use super::files::NamedBlob;
use super::model::{Model, Tower};
use super::schema::{
    FeatureKind, FeatureSchema, LookupSchema, Missing, Schema, To, TowerSchema, Until,
};
use super::side::Side;
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use twinspire_core::kernel::{Metric, Weights};

/// A description of [`Towers`](crate::Towers).
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TowersInfo {
    /// The model's name.
    pub name: String,
    /// Components of a vector.
    pub dimension: usize,
    /// How the vector of a user is compared with that of an item.
    pub metric: Metric,
    /// Number of learned weights, of towers and tables.
    pub parameters: usize,
    /// The files with their sizes in bytes.
    pub files: BTreeMap<String, usize>,
    /// The embedding tables, sorted by name.
    pub tables: Vec<TableInfo>,
    /// The tower for queries, if there is one.
    pub user: Option<TowerInfo>,
    /// The tower for items, if there is one.
    pub item: Option<TowerInfo>,
}

/// An embedding table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// How strings find their rows: `vocabulary`, `hash` or `index`.
    pub lookup: &'static str,
    /// Number of rows.
    pub rows: usize,
    /// Components of a row; 0 for a table that only numbers strings.
    pub dimension: usize,
    /// The precision of its weights: `f32`, `f16` or `bf16`; `none` without weights.
    pub precision: &'static str,
    /// Whether both towers read it.
    pub shared: bool,
}

/// A tower.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TowerInfo {
    /// What it reads.
    pub features: Vec<FeatureInfo>,
    /// What it computes.
    pub layers: Vec<LayerInfo>,
    /// Number of learned weights, without tables.
    pub parameters: usize,
    /// A record that it can read; for the user tower, a query.
    pub example: Value,
}

/// A feature of a tower.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FeatureInfo {
    /// Its kind.
    pub kind: String,
    /// The fields of the record that it reads.
    pub fields: Vec<String>,
    /// Its table, if it has one.
    pub table: Option<String>,
    /// Width of its output.
    pub width: usize,
    /// Whether its field may be missing.
    pub optional: bool,
    /// Number of learned weights, without its table.
    pub parameters: usize,
    /// Its description in `tower.json`.
    pub description: Value,
}

/// A layer of a tower.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LayerInfo {
    /// Its kind.
    pub kind: String,
    /// Width of its output.
    pub width: usize,
    /// Number of learned weights.
    pub parameters: usize,
    /// Its description in `tower.json`.
    pub description: Value,
}

impl TowersInfo {
    pub(crate) fn of(model: &Model, parts: &[NamedBlob]) -> Self {
        let schema = &model.schema;
        let tables = model.tables.iter().map(|table| {
            let reads = |tower: &Option<TowerSchema>| {
                let features = tower.iter().flat_map(|tower| &tower.features);
                features
                    .filter_map(|f| f.table())
                    .any(|name| name == table.name)
            };
            TableInfo {
                name: table.name.clone(),
                lookup: match schema.tables.get(&table.name).map(|table| &table.lookup) {
                    Some(LookupSchema::Hash { .. }) => "hash",
                    Some(LookupSchema::Index { .. }) => "index",
                    Some(LookupSchema::Vocabulary { .. }) | None => "vocabulary",
                },
                rows: table.weights.rows(),
                dimension: table.weights.columns(),
                precision: match table.weights.weights() {
                    _ if table.weights.columns() == 0 => "none",
                    Weights::F32(_) => "f32",
                    Weights::F16(_) => "f16",
                    Weights::Bf16(_) => "bf16",
                },
                shared: reads(&schema.user) && reads(&schema.item),
            }
        });
        let sizes = parts.iter().map(|(name, blob)| (name.clone(), blob.len()));
        let tower = |side, description: &Option<TowerSchema>| {
            let description = description.as_ref()?;
            Some(TowerInfo::of(model.tower(side), description, schema))
        };
        Self {
            name: schema.name.clone(),
            dimension: schema.dimension as usize,
            metric: schema.metric,
            parameters: model.parameters(),
            files: sizes.collect(),
            tables: tables.collect(),
            user: tower(Side::User, &schema.user),
            item: tower(Side::Item, &schema.item),
        }
    }
}

impl TowerInfo {
    fn of(tower: &Tower, description: &TowerSchema, schema: &Schema) -> Self {
        let features = tower.features.iter().map(|feature| {
            let described = value(&feature.schema);
            FeatureInfo {
                kind: kind(&described),
                fields: feature.schema.fields().map(str::to_owned).collect(),
                table: feature.schema.table().map(str::to_owned),
                width: feature.width,
                optional: feature.schema.missing != Missing::Error,
                parameters: feature.parameters(),
                description: described,
            }
        });
        let layers = tower.layers.iter().zip(&description.layers);
        let layers = layers.map(|(layer, schema)| {
            let described = value(schema);
            LayerInfo {
                kind: kind(&described),
                width: layer.width,
                parameters: layer.parameters(),
                description: described,
            }
        });
        Self {
            features: features.collect(),
            layers: layers.collect(),
            parameters: tower.parameters(),
            example: example(tower.side, description, schema),
        }
    }
}

/// The part of `tower.json` that describes it.
fn value(part: &impl Serialize) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}

fn kind(described: &Value) -> String {
    let kind = described.get("kind").and_then(Value::as_str);
    kind.unwrap_or_default().to_owned()
}

/// The kind of a feature, as `tower.json` names it.
pub(super) fn kind_of(feature: &FeatureSchema) -> String {
    kind(&value(feature))
}

/// A record that a tower can read.
fn example(side: Side, tower: &TowerSchema, schema: &Schema) -> Value {
    let mut record = Map::new();
    for feature in &tower.features {
        let (first, others) = values(feature, schema);
        let values = std::iter::once(first).chain(others);
        for (field, value) in feature.fields().zip(values) {
            record.entry(field).or_insert(value);
        }
    }
    if side == Side::Item {
        record.entry("id").or_insert("item-1".into());
    }
    Value::Object(record)
}

/// Example values for the fields of a feature: the first field, then the others that are required or fit into the
/// limit.
fn values(feature: &FeatureSchema, schema: &Schema) -> (Value, Vec<Value>) {
    const TIME: &str = "2026-01-31T18:30:00Z";
    let place = || json!({"lat": 47.61, "lon": -122.33});
    let table = feature.table().and_then(|name| schema.tables.get(name));
    let strings: Vec<Value> = match table.map(|table| &table.lookup) {
        Some(LookupSchema::Vocabulary { ids, .. }) => {
            ids.iter().take(2).cloned().map(Value::from).collect()
        }
        Some(LookupSchema::Index { rows }) => (0..(*rows).min(2)).map(Value::from).collect(),
        Some(LookupSchema::Hash { .. }) | None => vec!["a1".into(), "b2".into()],
    };
    let first = strings.first().cloned().unwrap_or_default();
    match &feature.kind {
        FeatureKind::Id { .. } | FeatureKind::Index { .. } => (first, vec![]),
        FeatureKind::Ids { limit, .. }
        | FeatureKind::Sequence { limit, .. }
        | FeatureKind::Items { limit, .. }
        | FeatureKind::Indices { limit, .. } => {
            let newest = strings.into_iter().take(*limit as usize);
            (newest.collect(), vec![])
        }
        FeatureKind::Categories { .. } => (strings.into(), vec![]),
        // A vocabulary contains pairs, not their halves.
        FeatureKind::Cross { .. } => match first.as_str().and_then(|pair| pair.split_once("_X_")) {
            Some((a, b)) => (a.into(), vec![b.into()]),
            None => ("a1".into(), vec!["b2".into()]),
        },
        FeatureKind::Tokens { also, .. } => {
            let texts = also.iter().map(|_| "for the trail".into());
            ("red running shoes".into(), texts.collect())
        }
        FeatureKind::Text { also, limit, .. } => {
            let mut words = ["red", "running", "shoes"].repeat(1 + also.len());
            words.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
            let mut texts = words.chunks(3).map(|words| Value::from(words.join(" ")));
            (texts.next().unwrap_or_default(), texts.collect())
        }
        FeatureKind::Number { mean, .. } => (json!(mean), vec![]),
        FeatureKind::Buckets { boundaries, .. } => {
            (json!(boundaries.get(boundaries.len() / 2)), vec![])
        }
        FeatureKind::Geo { .. } => (place(), vec![]),
        FeatureKind::Distance { to, .. } => {
            let other = matches!(to, To::Field(_)).then(place);
            (place(), Vec::from_iter(other))
        }
        FeatureKind::Hour { .. } | FeatureKind::Weekday { .. } => (TIME.into(), vec![]),
        FeatureKind::Age { until, .. } => {
            let later = "2026-02-01T09:00:00Z";
            let other = matches!(until, Until::Field(_)).then(|| later.into());
            (TIME.into(), Vec::from_iter(other))
        }
        FeatureKind::Vector { dimension, .. } => (vec![0.1; *dimension as usize].into(), vec![]),
    }
}
