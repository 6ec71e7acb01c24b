//! A schema from the columns of the data: what there is to read decides what the towers read.
//!
//! `columns` looks at the values of each field, [`Overrides`] are what a user says instead, [`Draft`]
//! puts the two together: a recipe adds features and layers of its own and finishes it. `log` is what the
//! recipes read that learn from users, items and events; `earlier` lets vocabularies grow from one
//! training to the next.

mod columns;
mod earlier;
mod log;
mod overrides;

pub(crate) use columns::{field_names, text_fields};
use earlier::go_on;
pub(crate) use log::{ITEMS, Ids, USER_ID, going_on, hidden, to_unit_vector};
pub use overrides::{Overrides, TowerOverrides};

use super::error::TrainError;
use super::network::checked;
use columns::{Column, columns};
use overrides::{Rule, wrong};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use twinspire_core::kernel::Metric;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{
    FORMAT, FeatureKind, FeatureSchema, Grams, HashFunction, LayerSchema, LookupSchema, Missing,
    Schema, TableSchema, TowerSchema, Unknown,
};

/// Degrees that cells of a place are high and wide: a region, a city, a quarter.
const SCALES: [f64; 3] = [10.0, 1.0, 0.1];
/// How many of the newest of a list are read.
const LIMIT: u32 = 50;

/// How fields are read, and how wide the embeddings are that they are given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Widths {
    /// Of categories, ids and cells of places.
    pub(crate) category: usize,
    /// Of the grams of texts.
    pub(crate) text: usize,
    /// Of up to how many words there are grams beside letter trigrams; 0 for none.
    pub(crate) words: usize,
    /// Rows of tables that are looked up in by hash.
    pub(crate) buckets: u32,
}

/// A description under construction.
pub(crate) struct Draft<'a> {
    overrides: &'a Overrides,
    widths: Widths,
    tables: BTreeMap<String, TableSchema>,
}

/// What a tower reads of the fields there are.
pub(crate) struct Features {
    /// A feature for each field that is read.
    pub(crate) read: Vec<FeatureSchema>,
    /// Fields that are not read.
    pub(crate) unread: Vec<String>,
}

impl<'a> Draft<'a> {
    /// A description without tables so far.
    pub(crate) fn new(overrides: &'a Overrides, widths: Widths) -> Self {
        Self {
            overrides,
            widths,
            tables: BTreeMap::new(),
        }
    }

    /// Adds a table and gives its name.
    pub(crate) fn table(&mut self, name: &str, dimension: usize, lookup: LookupSchema) -> String {
        let dimension = Some(dimension as u32);
        self.tables
            .insert(name.to_owned(), TableSchema { dimension, lookup });
        name.to_owned()
    }

    /// A feature for each field of the records, as its values and the overrides say; but none for those
    /// that the recipe deals with itself.
    ///
    /// # Errors
    /// [`TrainError::Override`] names the field whose override cannot be followed.
    pub(crate) fn features(
        &mut self,
        side: Side,
        records: &[Value],
        own: &[&str],
    ) -> Result<Features, TrainError> {
        let columns = columns(records);
        let said = self.overrides.of(side);
        for named in said.named() {
            if own.contains(&named) {
                return Err(wrong(side, named, "the recipe reads it in its own way"));
            }
            if !columns.contains_key(named) {
                return Err(wrong(side, named, format!("no {side} has this field")));
            }
        }
        let mut features = Features {
            read: Vec::new(),
            unread: Vec::new(),
        };
        for (field, column) in &columns {
            if own.contains(&field.as_str()) {
                continue;
            }
            let feature = match said.rule(side, field)? {
                Rule::Drop => None,
                Rule::Keep => column
                    .as_ref()
                    .map(|column| self.feature(side, field, Some(column), kind_of(column), None))
                    .transpose()?,
                Rule::Change(keys, field) => {
                    let kind = keys.get("kind").map(|kind| kind.as_str().unwrap_or(""));
                    let kind = kind.or_else(|| column.as_ref().map(kind_of));
                    let kind = kind.ok_or_else(|| {
                        let what = "its values do not say what it is; a `kind` is needed";
                        wrong(side, field, what)
                    })?;
                    Some(self.feature(side, field, column.as_ref(), kind, Some(&keys))?)
                }
            };
            match feature {
                Some(feature) => features.read.push(feature),
                None => features.unread.push(field.clone()),
            }
        }
        Ok(features)
    }

    /// A feature of a kind for a field, with a table where it needs one.
    fn feature(
        &mut self,
        side: Side,
        field: &str,
        column: Option<&Column>,
        kind: &str,
        keys: Option<&Map<String, Value>>,
    ) -> Result<FeatureSchema, TrainError> {
        let place = format!("{side} field {field:?}");
        let mut keys = keys.cloned().unwrap_or_default();
        let mut derived = json!({"kind": kind, "missing": "zero", "field": field});
        match (kind, column) {
            ("number", Some(Column::Number { mean, deviation })) => {
                derived["mean"] = json!(mean);
                derived["deviation"] = json!(deviation);
            }
            ("geo", _) => derived["scales"] = json!(SCALES),
            ("ids", _) => derived["limit"] = json!(LIMIT),
            ("text", _) if self.widths.words > 0 => {
                derived["grams"] = json!(Grams::Both {
                    letters: [3, 3],
                    words: [1, self.widths.words as u32],
                });
            }
            _ => {}
        }
        let needs_table = matches!(kind, "id" | "ids" | "categories" | "text" | "geo");
        match keys.remove("table") {
            Some(Value::String(name)) => derived["table"] = json!(name),
            Some(Value::Object(changes)) => {
                let name = format!("{side}.{field}");
                let table = self.derived_table(kind, column);
                let table = overrides::table(&table, &changes, &place)?;
                self.tables.insert(name.clone(), table);
                derived["table"] = json!(name);
            }
            Some(_) => {
                let what = "its table is the name of one, or an object";
                return Err(wrong(side, field, what));
            }
            None if needs_table => {
                let name = format!("{side}.{field}");
                let table = self.derived_table(kind, column);
                self.tables.insert(name.clone(), table);
                derived["table"] = json!(name);
            }
            None => {}
        }
        overrides::feature(derived, &keys, &place)
    }

    /// A table for a field.
    fn derived_table(&self, kind: &str, column: Option<&Column>) -> TableSchema {
        let lookup = match (kind, column) {
            ("categories", Some(Column::Categories(ids))) => LookupSchema::Vocabulary {
                ids: ids.clone(),
                unknown: Unknown::Skip,
            },
            _ => hashed(self.widths.buckets),
        };
        let width = match kind {
            "text" => self.widths.text,
            _ => self.widths.category,
        };
        TableSchema {
            dimension: Some(width as u32),
            lookup,
        }
    }

    /// The layers of a side: what the user says, or else these.
    pub(crate) fn layers(
        &self,
        side: Side,
        derived: Vec<LayerSchema>,
    ) -> Result<Vec<LayerSchema>, TrainError> {
        self.overrides.of(side).layers_or(side, derived)
    }

    /// The finished description, of two towers that can be trained.
    pub(crate) fn finish(
        self,
        name: &str,
        dimension: usize,
        user: TowerSchema,
        item: TowerSchema,
    ) -> Result<Schema, TrainError> {
        let mut schema = self.described(name, user, item);
        schema.dimension = dimension as u32;
        checked(schema)
    }

    /// The description so far, of no dimension yet and not checked.
    pub(crate) fn described(self, name: &str, user: TowerSchema, item: TowerSchema) -> Schema {
        Schema {
            format: FORMAT,
            name: name.to_owned(),
            dimension: 0,
            metric: Metric::Cosine,
            user: Some(user),
            item: Some(item),
            tables: self.tables,
        }
    }
}

/// The fields of records that hold categories.
pub(crate) fn category_fields(records: &[Value]) -> Vec<String> {
    let columns = columns(records).into_iter();
    let categories = columns.filter(|(_, column)| matches!(column, Some(Column::Categories(_))));
    categories.map(|(field, _)| field).collect()
}

/// A look-up by hash.
pub(crate) fn hashed(buckets: u32) -> LookupSchema {
    LookupSchema::Hash {
        buckets,
        seed: 0,
        function: HashFunction::Xxh3,
        hashes: 1,
    }
}

/// A look-up by list, with so many rows that all other strings are hashed into.
pub(crate) fn known(ids: Vec<String>, buckets: u32) -> LookupSchema {
    LookupSchema::Vocabulary {
        ids,
        unknown: Unknown::Buckets(buckets),
    }
}

/// A feature that may be missing.
pub(crate) fn optional(kind: FeatureKind) -> FeatureSchema {
    FeatureSchema {
        missing: Missing::Zero,
        kind,
    }
}

/// The kind of feature that reads a column.
fn kind_of(column: &Column) -> &'static str {
    match column {
        Column::Number { .. } => "number",
        Column::Categories(_) => "categories",
        Column::Text => "text",
        Column::Place => "geo",
    }
}

#[cfg(test)]
mod tests;
