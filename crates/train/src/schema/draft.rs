//! A schema derived from columns and overrides.

use super::columns::{Column, Numbers, columns};
use super::lookup::hashed;
use super::overrides::{self, Overrides, Rule, invalid};
use crate::error::TrainError;
use crate::error_reason::{OverrideFault, SchemaPlace};
use crate::log_params::LogParams;
use crate::nn::checked;
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use twinspire_core::kernel::Metric;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{
    FORMAT, FeatureSchema, Grams, LayerSchema, LookupSchema, Missing, Schema, TableSchema,
    TowerSchema, Unknown, Unreadable,
};

/// Cell sizes of a place in degrees: a region, a city, a quarter.
const SCALES: [f64; 3] = [10.0, 1.0, 0.1];
/// Maximum number of elements read of a list, newest first.
const LIMIT: u32 = 50;

/// Widths of embeddings, and how texts are split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Widths {
    /// Width of the embeddings of categories, ids and cells of places.
    pub(crate) category: usize,
    /// Width of the embeddings of grams.
    pub(crate) text: usize,
    /// Longest word n-gram, in addition to letter trigrams; 0 for trigrams alone.
    pub(crate) words: usize,
    /// Rows of hashed tables.
    pub(crate) buckets: u32,
}

impl Widths {
    /// The widths of the settings.
    pub(crate) fn new(log: &LogParams, words: usize, buckets: u32) -> Self {
        Self {
            category: log.category_dimension,
            text: log.text_dimension,
            words,
            buckets,
        }
    }
}

/// A schema under construction.
pub(crate) struct Draft<'a> {
    overrides: &'a Overrides,
    widths: Widths,
    pub(super) tables: BTreeMap<String, TableSchema>,
}

/// The features of a tower that are derived from fields.
pub(crate) struct Features {
    /// One feature for each field that is read.
    pub(crate) read: Vec<FeatureSchema>,
    /// Fields that are not read.
    pub(crate) unread: Vec<String>,
}

impl<'a> Draft<'a> {
    /// A schema without tables.
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

    /// One feature for each field of the records, derived from its values and the overrides. Fields in `own`
    /// are left to the recipe.
    ///
    /// # Errors
    /// [`TrainError::Override`] names the field with an invalid override.
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
                return Err(invalid(side, named, OverrideFault::ReadByRecipe));
            }
            if !columns.contains_key(named) {
                return Err(invalid(side, named, OverrideFault::UnknownField));
            }
        }
        let mut features = Features {
            read: Vec::new(),
            unread: Vec::new(),
        };
        for (field, profile) in &columns {
            if own.contains(&field.as_str()) {
                continue;
            }
            let column = profile.column.as_ref().ok();
            let feature = match said.rule(side, field)? {
                Rule::Drop => None,
                Rule::Keep => column
                    .map(|column| self.feature(side, field, Some(column), kind_of(column), None))
                    .transpose()?,
                Rule::Change(keys, field) => {
                    let kind = keys.get("kind").map(|kind| kind.as_str().unwrap_or(""));
                    let kind = kind.or_else(|| column.map(kind_of));
                    let kind =
                        kind.ok_or_else(|| invalid(side, field, OverrideFault::KindNeeded))?;
                    Some(self.feature(side, field, column, kind, Some(&keys))?)
                }
            };
            match feature {
                Some(mut feature) => {
                    if profile.strays > 0 && feature.missing != Missing::Error {
                        feature.unreadable = Unreadable::Missing;
                    }
                    features.read.push(feature);
                }
                None => features.unread.push(field.clone()),
            }
        }
        Ok(features)
    }

    /// A feature of the given kind for a field, with a table if it needs one.
    fn feature(
        &mut self,
        side: Side,
        field: &str,
        column: Option<&Column>,
        kind: &str,
        keys: Option<&Map<String, Value>>,
    ) -> Result<FeatureSchema, TrainError> {
        let place = SchemaPlace::Field {
            side,
            field: field.to_owned(),
        };
        let mut keys = keys.cloned().unwrap_or_default();
        let mut derived = json!({"kind": kind, "missing": "zero", "field": field});
        match (kind, column) {
            (
                "number",
                Some(
                    Column::Number(of)
                    | Column::Time {
                        plain: Some(of), ..
                    },
                ),
            ) => {
                standardise(&mut derived, of);
            }
            ("age", Some(Column::Time { until, days, .. })) => {
                derived["until"] = json!(until);
                standardise(&mut derived, days);
            }
            ("buckets" | "vector", Some(Column::Number(of))) => derived["range"] = json!(of.range),
            ("vector", Some(Column::Vector(length))) => derived["dimension"] = json!(length),
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
            Some(_) => return Err(invalid(side, field, OverrideFault::Table)),
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
            ("categories" | "ids", Some(Column::Categories(ids) | Column::Ids(Some(ids)))) => {
                LookupSchema::Vocabulary {
                    ids: ids.clone(),
                    unknown: Unknown::Skip,
                }
            }
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

    /// The layers of a side: those of the overrides, or else `derived`.
    pub(crate) fn layers(
        &self,
        side: Side,
        derived: Vec<LayerSchema>,
    ) -> Result<Vec<LayerSchema>, TrainError> {
        self.overrides.of(side).layers_or(side, derived)
    }

    /// The finished schema, checked for two towers that can be trained.
    pub(crate) fn finish(
        self,
        name: &str,
        dimension: usize,
        user: TowerSchema,
        item: TowerSchema,
    ) -> Result<Schema, TrainError> {
        let mut schema = self.unchecked(name, user, item);
        schema.dimension = dimension as u32;
        checked(schema)
    }

    /// The unchecked schema, without a dimension.
    pub(crate) fn unchecked(self, name: &str, user: TowerSchema, item: TowerSchema) -> Schema {
        Schema {
            format: FORMAT,
            name: name.to_owned(),
            dimension: 0,
            metric: Metric::Cosine,
            user: Some(user),
            item: Some(item),
            tables: self.tables,
            extensions: IgnoredAny,
        }
    }
}

/// The keys of a standardised number.
fn standardise(derived: &mut Value, of: &Numbers) {
    derived["mean"] = json!(of.mean);
    derived["deviation"] = json!(of.deviation);
    derived["range"] = json!(of.range);
}

/// The kind of feature that reads a column.
fn kind_of(column: &Column) -> &'static str {
    match column {
        Column::Number(_) => "number",
        Column::Ids(_) => "ids",
        Column::Time { .. } => "age",
        Column::Categories(_) => "categories",
        Column::Text => "text",
        Column::Place => "geo",
        Column::Vector(_) => "vector",
    }
}
