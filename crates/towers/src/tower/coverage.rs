//! What the features of a tower find in records: whether any record has their field, and any of its ids is known.
//!
//! A tower replaces missing fields by defaults. Towers of another catalogue, or of columns that were renamed, would
//! therefore embed all records alike, without an error.

use super::model::{Model, Tower};
use super::schema::FeatureKind;
use super::side::Side;
use serde_json::Value;

/// What the features of a tower have found so far.
#[derive(Clone, Debug)]
pub struct Coverage<'a> {
    model: &'a Model,
    tower: &'a Tower,
    features: Vec<Found>,
}

/// What a feature has found.
#[derive(Clone, Debug, Default)]
struct Found {
    /// Whether a record had the field.
    present: bool,
    /// Whether an id was in the vocabulary, or the feature has none.
    known: bool,
    /// The first id that is not in the vocabulary.
    unknown: Option<String>,
}

impl<'a> Coverage<'a> {
    /// Nothing found yet.
    #[must_use]
    pub fn new(model: &'a Model, side: Side) -> Self {
        let tower = model.tower(side);
        Self {
            model,
            tower,
            features: vec![Found::default(); tower.features.len()],
        }
    }

    /// Looks at a record. Returns whether every feature has found something, so that no further record is needed.
    pub fn add(&mut self, record: &Value) -> bool {
        let mut complete = true;
        for (feature, found) in self.tower.features.iter().zip(&mut self.features) {
            if found.present && found.known {
                continue;
            }
            let table = feature.table.and_then(|at| self.model.tables.get(at));
            let lookup = match feature.schema.kind {
                FeatureKind::Id { .. }
                | FeatureKind::Ids { .. }
                | FeatureKind::Sequence { .. }
                | FeatureKind::Categories { .. }
                | FeatureKind::Index { .. }
                | FeatureKind::Indices { .. } => table.map(|table| &table.lookup),
                _ => None,
            };
            let values = feature
                .schema
                .fields()
                .filter_map(|field| record.get(field));
            for value in values.filter(|value| !value.is_null()) {
                found.present = true;
                let one = std::slice::from_ref(value);
                for id in value.as_array().map_or(one, Vec::as_slice) {
                    let id = match id {
                        Value::String(text) => text.clone(),
                        other => other.to_string(),
                    };
                    match lookup.and_then(|lookup| lookup.knows(&id)) {
                        Some(false) => drop(found.unknown.get_or_insert(id)),
                        Some(true) | None => found.known = true,
                    }
                }
            }
            complete &= found.present && found.known;
        }
        complete
    }

    /// Fields that no record had.
    #[must_use]
    pub fn absent(&self) -> Vec<String> {
        let each = self.tower.features.iter().zip(&self.features);
        let absent = each.filter(|(_, found)| !found.present);
        absent
            .map(|(feature, _)| feature.schema.field().to_owned())
            .collect()
    }

    /// The first field of which no id is in the vocabulary, with one of its ids.
    #[must_use]
    pub fn unknown(&self) -> Option<(&'a str, &str)> {
        let mut each = self.tower.features.iter().zip(&self.features);
        each.find_map(|(feature, found)| {
            let unknown = found.unknown.as_deref().filter(|_| !found.known)?;
            Some((feature.schema.field(), unknown))
        })
    }
}
