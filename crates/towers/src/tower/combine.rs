//! Two towers of different models as one pair: a user tower of one, an item tower of the other.
//!
//! The usual reason is a user tower that was trained elsewhere, as an ONNX model, to agree with the vectors of an item
//! tower of layers; or a user tower that is trained again while the items keep their vectors.

use super::error::TowerError;
use super::model::{Model, Table, Tower};
use super::schema::{FeatureSchema, Schema, TowerSchema};
use super::side::Side;
use serde_json::json;
use std::collections::BTreeMap;

impl Model {
    /// The user tower of `user` and the item tower of `item`, with the tables that they read. A table of the user tower
    /// whose name another table of the item tower has is renamed.
    pub(crate) fn combine(user: &Self, item: &Self) -> Result<Self, TowerError> {
        let differs = |what: String| Err(TowerError::description("towers", what));
        for (side, model) in [(Side::User, user), (Side::Item, item)] {
            if !model.has(side) {
                return differs(format!("those given for the {side} tower have none"));
            }
        }
        let tokenizers = (user.user.tokenizer(), item.item.tokenizer());
        if let (Some(a), Some(b)) = tokenizers
            && a.blob()[..] != b.blob()[..]
        {
            return differs("they cut texts into tokens by different files".to_owned());
        }
        let (ours, theirs) = (&user.schema, &item.schema);
        if ours.dimension != theirs.dimension {
            return differs(format!(
                "the user tower gives {} components, the item tower {}",
                ours.dimension, theirs.dimension
            ));
        }
        if ours.metric != theirs.metric {
            return differs(format!(
                "the user tower is for {}, the item tower for {}",
                ours.metric, theirs.metric
            ));
        }
        let mut tables: BTreeMap<String, Table> = BTreeMap::new();
        let mut schema = Schema {
            tables: BTreeMap::new(),
            user: ours.user.clone(),
            item: theirs.item.clone(),
            ..theirs.clone()
        };
        for table in item.tables_of(Side::Item) {
            tables.insert(table.name.clone(), table.clone());
            let described = theirs.tables.get(&table.name).cloned();
            schema
                .tables
                .extend(described.map(|described| (table.name.clone(), described)));
        }
        let mut renamed: BTreeMap<&str, String> = BTreeMap::new();
        for table in user.tables_of(Side::User) {
            let described = ours.tables.get(&table.name);
            let same = tables.get(&table.name).is_some_and(|other| {
                schema.tables.get(&table.name) == described
                    && table
                        .weights
                        .weights()
                        .iter()
                        .eq(other.weights.weights().iter())
            });
            if same {
                continue;
            }
            let mut name = table.name.clone();
            while tables.contains_key(&name)
                || name != table.name && ours.tables.contains_key(&name)
            {
                name = format!("user.{name}");
            }
            schema
                .tables
                .extend(described.map(|described| (name.clone(), described.clone())));
            let weights = table.weights.clone();
            let lookup = table.lookup.clone();
            tables.insert(
                name.clone(),
                Table {
                    name: name.clone(),
                    lookup,
                    weights,
                },
            );
            renamed.insert(&table.name, name);
        }
        if let Some(tower) = &mut schema.user {
            for feature in &mut tower.features {
                rename(feature, &renamed)?;
            }
        }
        let tables = tables.into_values().collect();
        Self::assemble(
            schema,
            tables,
            |side, description: &TowerSchema, schema, _| {
                let of = if side == Side::User { user } else { item };
                let of = of.tower(side);
                let (sequences, layers) = (of.sequences(), of.layers.clone());
                let tower = Tower::new(side, description, sequences, layers, schema);
                Ok(tower.with_tokenizer(of.tokenizer()))
            },
        )
    }

    /// The tables that a tower reads, each once.
    fn tables_of(&self, side: Side) -> impl Iterator<Item = &Table> {
        let features = &self.tower(side).features;
        let tables = self.tables.iter().enumerate();
        let read = tables.filter(|(at, _)| features.iter().any(|f| f.table == Some(*at)));
        read.map(|(_, table)| table)
    }
}

/// Lets a feature read its table under a new name.
fn rename(feature: &mut FeatureSchema, renamed: &BTreeMap<&str, String>) -> Result<(), TowerError> {
    let Some(name) = feature.table().and_then(|name| renamed.get(name)) else {
        return Ok(());
    };
    let mut described = json!(feature);
    described["table"] = json!(name);
    *feature = serde_json::from_value(described)
        .map_err(|error| TowerError::json(super::files::DESCRIPTION, error))?;
    Ok(())
}
