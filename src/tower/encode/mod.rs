//! Raw features to table rows and numbers.
//!
//! `strings` reads what is looked up in tables, `texts` cuts a text into grams, `numbers` reads
//! numbers, points and times. Nothing is passed over in silence: a field of the wrong type, a missing
//! one without a default, an unknown id without a place and (for users) a field nobody reads are
//! errors. Nothing takes memory once [`Encoder`] and [`Encoded`] have been used for some records.

mod numbers;
mod strings;
mod texts;

pub(super) use texts::Texts;

use super::encoded::Encoded;
use super::model::{Feature, Side, Table, Tower};
use super::schema::{FeatureKind, FeatureSchema, Missing, OtherFields};
use crate::kernel::Row;
use crate::record::{RecordError, describe};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Finds the vector of an item in the same generation, and hands it over if there is one.
pub(crate) type ItemVectors<'a> = &'a dyn Fn(&str, &mut dyn FnMut(Row<'_>));

/// What is looked things up in, and memory for texts on the way.
pub(crate) struct Encoder<'a> {
    pub(super) tables: &'a [Table],
    /// None where there is no generation.
    pub(super) items: Option<ItemVectors<'a>>,
    pub(super) texts: &'a mut Texts,
}

impl Tower {
    /// Reads the features of `record`, with no generation to find items in.
    #[cfg(any(test, feature = "train"))]
    pub(crate) fn encode_alone(
        &self,
        tables: &[Table],
        record: &Value,
    ) -> Result<Encoded, RecordError> {
        let mut encoder = Encoder {
            tables,
            items: None,
            texts: &mut Texts::default(),
        };
        let mut encoded = Encoded::default();
        self.encode(&mut encoder, record, &mut encoded)?;
        Ok(encoded)
    }

    /// Reads the features of `record` into `encoded`.
    pub(crate) fn encode(
        &self,
        encoder: &mut Encoder<'_>,
        record: &Value,
        encoded: &mut Encoded,
    ) -> Result<(), RecordError> {
        let Value::Object(fields) = record else {
            let expected = format!("a JSON object of the {}'s features", self.side);
            return Err(RecordError::new("", expected, describe(record)));
        };
        self.check_others(fields)?;
        encoded.clear();
        for feature in &self.features {
            encoder.feature(feature, fields, encoded)?;
            encoded.end_feature();
        }
        Ok(())
    }

    /// Refuses fields that nobody reads, where the schema says so.
    fn check_others(&self, fields: &Map<String, Value>) -> Result<(), RecordError> {
        let allowed: &[String] = match (&self.other_fields, self.side) {
            (Some(OtherFields::Ignore), _) | (None, Side::Item) => return Ok(()),
            (Some(OtherFields::Allow(allowed)), _) => allowed,
            (Some(OtherFields::Error), _) | (None, Side::User) => &[],
        };
        let read = || self.features.iter().flat_map(|f| f.schema.fields());
        let known = |name: &&String| read().any(|field| field == *name) || allowed.contains(name);
        let Some(other) = fields.keys().find(|name| !known(name)) else {
            return Ok(());
        };
        let known: BTreeSet<&str> = read().chain(allowed.iter().map(String::as_str)).collect();
        let known = Vec::from_iter(known).join(", ");
        let expected = format!("only what the {} tower reads ({known})", self.side);
        Err(RecordError::new(
            other,
            expected,
            "a field it does not read",
        ))
    }
}

impl Encoder<'_> {
    fn feature(
        &mut self,
        feature: &Feature,
        fields: &Map<String, Value>,
        encoded: &mut Encoded,
    ) -> Result<(), RecordError> {
        let schema = &feature.schema;
        let given = |field: &str| fields.get(field).filter(|value| !value.is_null());
        let first = given(schema.field());
        let second = schema.second_field().map(given);
        let flag = schema.scaling().is_some_and(|(_, flag)| flag);
        let (values, missing) = match (first, second) {
            (Some(value), None) => (Some((value, None)), false),
            (Some(value), Some(Some(other))) => (Some((value, Some(other))), false),
            _ => match &schema.missing {
                Missing::Default(value) => (Some((value, None)), true),
                Missing::Zero => (None, true),
                Missing::Error => {
                    let absent = match (first, schema.second_field()) {
                        (Some(_), Some(second)) => second,
                        _ => schema.field(),
                    };
                    let expected = expected(schema);
                    return Err(RecordError::new(absent, expected, "no such field"));
                }
            },
        };
        match values {
            Some((value, other)) => self.read(feature, value, other, encoded)?,
            None if feature.table.is_some() => {}
            None => {
                encoded.zeros(feature.width - usize::from(flag));
            }
        }
        if flag {
            encoded.push_number(if missing { 1.0 } else { 0.0 });
        }
        Ok(())
    }

    /// Reads a feature from its field and from the other, if it reads two.
    pub(super) fn read(
        &mut self,
        feature: &Feature,
        value: &Value,
        other: Option<&Value>,
        encoded: &mut Encoded,
    ) -> Result<(), RecordError> {
        match &feature.schema.kind {
            FeatureKind::Id { .. }
            | FeatureKind::Ids { .. }
            | FeatureKind::Categories { .. }
            | FeatureKind::Cross { .. }
            | FeatureKind::Text { .. }
            | FeatureKind::Geo { .. } => self.embedded(feature, value, other, encoded),
            FeatureKind::Items { .. } => self.item_vectors(feature, value, encoded),
            FeatureKind::Number { .. }
            | FeatureKind::Buckets { .. }
            | FeatureKind::Distance { .. }
            | FeatureKind::Hour { .. }
            | FeatureKind::Weekday { .. }
            | FeatureKind::Age { .. }
            | FeatureKind::Vector { .. } => numbers::read(feature, value, other, encoded),
        }
    }
}

/// What a feature's field should be.
fn expected(feature: &FeatureSchema) -> Cow<'static, str> {
    let expected = match &feature.kind {
        FeatureKind::Id { .. } => "a string or an integer",
        FeatureKind::Ids { .. } | FeatureKind::Items { .. } => "a list of strings or integers",
        FeatureKind::Categories { .. } | FeatureKind::Cross { .. } => {
            "a string or a list of strings"
        }
        FeatureKind::Number { .. } | FeatureKind::Buckets { .. } => "a finite number",
        FeatureKind::Text { .. } => "a string",
        FeatureKind::Geo { .. } | FeatureKind::Distance { .. } => {
            "a point {\"lat\": -90 to 90, \"lon\": -180 to 180}"
        }
        FeatureKind::Hour { .. } | FeatureKind::Weekday { .. } | FeatureKind::Age { .. } => {
            "a time: seconds since 1970, or a string as in RFC 3339"
        }
        FeatureKind::Vector { dimension, .. } => {
            return format!("a list of {dimension} numbers").into();
        }
    };
    expected.into()
}

/// That a value of a feature is not what it should be.
fn wrong(feature: &FeatureSchema, found: &Value) -> RecordError {
    RecordError::new(feature.field(), expected(feature), describe(found))
}
