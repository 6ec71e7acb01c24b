//! Raw features to table rows and numbers.
//!
//! `strings` reads what is looked up in tables, `indices` what is only numbered by them, `texts` cuts a
//! text into grams, `numbers` reads numbers, points and times. Nothing is passed over in silence, unless
//! [`FeatureCheck`] says so: a field of the wrong type, a missing one without a default, an unknown id
//! without a place and (for users) a field nobody reads are errors. Nothing takes memory once [`Encoder`] and [`Encoded`] have been used for some records.

mod indices;
mod numbers;
mod strings;
mod texts;

pub(super) use texts::Texts;

use super::encoded::Encoded;
use super::model::{Feature, Side, Table, Tower};
use super::schema::{FeatureKind, FeatureSchema, Missing, OtherFields};
use crate::record::{RecordError, describe};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;
use twinspire_core::kernel::Row;

/// Finds the vector of an item in the same generation, and hands it over if there is one.
pub type ItemVectors<'a> = &'a dyn Fn(&str, &mut dyn FnMut(Row<'_>));

/// How strictly a recall takes the features of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FeatureCheck {
    /// As `tower.json` says: fields that no feature reads are refused unless `other_fields` lets them
    /// pass, values of a wrong type are refused, and of what is too long the newest or first are read.
    #[default]
    Described,
    /// Every field that no feature reads is refused, but for those that `other_fields` allows by name,
    /// and so is what is longer than a feature's limit.
    Strict,
    /// Fields that no feature reads are passed over, and a value that cannot be read counts as
    /// missing, where the feature says what stands for it then.
    Lenient,
}

/// How a record is to be read.
#[derive(Clone, Copy, Default)]
pub struct Reading<'a> {
    /// None where there is no generation.
    pub items: Option<ItemVectors<'a>>,
    /// How strictly.
    pub check: FeatureCheck,
}

/// What is looked things up in, and memory for texts on the way.
pub(crate) struct Encoder<'a> {
    pub(super) tables: &'a [Table],
    pub(super) reading: Reading<'a>,
    pub(super) texts: &'a mut Texts,
}

impl Tower {
    /// Reads the features of `record`, with no generation to find items in.
    pub fn encode_alone(&self, tables: &[Table], record: &Value) -> Result<Encoded, RecordError> {
        let mut encoder = Encoder {
            tables,
            reading: Reading::default(),
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
        let check = encoder.reading.check;
        let mut wrong = self
            .others(fields, check)
            .chain(self.too_long(fields, check));
        if let Some(error) = wrong.next() {
            return Err(error);
        }
        drop(wrong);
        encoded.clear();
        for feature in &self.features {
            encoder.feature(feature, fields, encoded)?;
            encoded.end_feature();
        }
        Ok(())
    }

    /// All that is wrong with a record, taken strictly.
    pub(crate) fn problems(&self, tables: &[Table], record: &Value) -> Vec<RecordError> {
        let Value::Object(fields) = record else {
            let expected = format!("a JSON object of the {}'s features", self.side);
            return vec![RecordError::new("", expected, describe(record))];
        };
        let mut encoder = Encoder {
            tables,
            reading: Reading {
                // Any items do: whether there are such is no matter of form.
                items: Some(&|_, _| {}),
                check: FeatureCheck::Strict,
            },
            texts: &mut Texts::default(),
        };
        let mut encoded = Encoded::default();
        let features = self.features.iter();
        let unread = features.filter_map(|f| encoder.feature(f, fields, &mut encoded).err());
        let unread: Vec<_> = unread.collect();
        let others = self.others(fields, FeatureCheck::Strict);
        let too_long = self.too_long(fields, FeatureCheck::Strict);
        others.chain(too_long).chain(unread).collect()
    }

    /// The fields of which no feature reads all, where they are refused.
    fn too_long<'a>(
        &'a self,
        fields: &'a Map<String, Value>,
        check: FeatureCheck,
    ) -> impl Iterator<Item = RecordError> + 'a {
        let features = match check {
            FeatureCheck::Strict => &*self.features,
            FeatureCheck::Described | FeatureCheck::Lenient => &[],
        };
        let features = features.iter().enumerate();
        features.clone().filter_map(move |(at, feature)| {
            let (limit, what) = feature.schema.limit()?;
            // Of features that read as much of a field, the first tells.
            let reads_more = |cut: &Cut<'_>| {
                features.clone().any(|(other_at, other)| {
                    let mut others = cuts(&other.schema, fields);
                    let other = others.find(|other| other.field == cut.field);
                    other.is_some_and(|other| {
                        other.read > cut.read || other.read == cut.read && other_at < at
                    })
                })
            };
            let mut cut = cuts(&feature.schema, fields).filter(|cut| cut.read < cut.length);
            let cut = cut.find(|cut| !reads_more(cut))?;
            let mut expected = format!("at most {limit} {what}");
            if !feature.schema.also().is_empty() {
                let all: Vec<&str> = feature.schema.fields().collect();
                let _ = write!(expected, " in {} together", all.join(", "));
            }
            let length: usize = cuts(&feature.schema, fields).map(|cut| cut.length).sum();
            let found = format!("{length} {what}");
            Some(RecordError::new(cut.field, expected, found))
        })
    }

    /// The fields that nobody reads, where they are refused.
    fn others<'a>(
        &'a self,
        fields: &'a Map<String, Value>,
        check: FeatureCheck,
    ) -> impl Iterator<Item = RecordError> + 'a {
        use FeatureCheck::{Described, Lenient, Strict};
        let allowed: Option<&[String]> = match (&self.other_fields, self.side, check) {
            (_, _, Lenient)
            | (Some(OtherFields::Ignore), _, Described)
            | (None, Side::Item, Described) => None,
            (Some(OtherFields::Allow(allowed)), ..) => Some(allowed),
            (_, _, Described | Strict) => Some(&[]),
        };
        let read = || self.features.iter().flat_map(|f| f.schema.fields());
        allowed.into_iter().flat_map(move |allowed| {
            let known = move |name: &str| {
                read().any(|field| field == name) || allowed.iter().any(|field| field == name)
            };
            let others = fields.keys().filter(move |name| !known(name));
            others.map(move |other| {
                let known: BTreeSet<&str> =
                    read().chain(allowed.iter().map(String::as_str)).collect();
                let known = Vec::from_iter(known).join(", ");
                let expected = format!("only what the {} tower reads ({known})", self.side);
                RecordError::new(other, expected, "a field it does not read")
            })
        })
    }
}

/// How much of a field a feature reads.
struct Cut<'a> {
    field: &'a str,
    length: usize,
    read: usize,
}

/// The fields there are of a feature, with as much of each as its limit leaves to it.
fn cuts<'a>(
    feature: &'a FeatureSchema,
    fields: &'a Map<String, Value>,
) -> impl Iterator<Item = Cut<'a>> {
    let limit = feature.limit();
    let mut left = limit.map_or(usize::MAX, |(limit, _)| limit as usize);
    feature.fields().filter_map(move |field| {
        let length = match fields.get(field)? {
            Value::Array(list) => list.len(),
            Value::String(text) => texts::words(text),
            _ => 0,
        };
        let read = length.min(left);
        left -= read;
        Some(Cut {
            field,
            length,
            read,
        })
    })
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
        let before = encoded.size();
        let read = match (&schema.kind, first, second) {
            (FeatureKind::Text { .. }, ..) => {
                self.texts(feature, given, self.may_miss(schema), encoded)
            }
            (_, Some(value), None) => self.read(feature, value, None, encoded).map(|()| true),
            (_, Some(value), Some(Some(other))) => {
                let read = self.read(feature, value, Some(other), encoded);
                read.map(|()| true)
            }
            _ => Ok(false),
        };
        match read {
            Ok(true) => {
                if flag {
                    encoded.push_number(0.0);
                }
                return Ok(());
            }
            Ok(false) => {}
            Err(_) if self.may_miss(schema) => encoded.shrink(before),
            Err(error) => return Err(error),
        }
        match &schema.missing {
            Missing::Default(value) => self.read(feature, value, None, encoded)?,
            Missing::Zero if schema.numbering().is_some() => {
                indices::padded(feature, encoded);
            }
            Missing::Zero if feature.table.is_some() => {}
            Missing::Zero => {
                encoded.zeros(feature.width - usize::from(flag));
            }
            Missing::Error => {
                let absent = match (first, schema.second_field()) {
                    (Some(_), Some(second)) => second,
                    _ => schema.field(),
                };
                let mut expected = expected(schema);
                if let [also @ .., last] = schema.also() {
                    let also: String = also.iter().map(|field| format!("`{field}`, ")).collect();
                    expected = format!("{expected}, here or in {also}`{last}`").into();
                }
                return Err(RecordError::new(absent, expected, "no such field"));
            }
        }
        if flag {
            encoded.push_number(1.0);
        }
        Ok(())
    }

    /// Whether a value that cannot be read counts as missing.
    fn may_miss(&self, feature: &FeatureSchema) -> bool {
        self.reading.check == FeatureCheck::Lenient && feature.missing != Missing::Error
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
            | FeatureKind::Geo { .. } => self.embedded(feature, value, other, encoded),
            FeatureKind::Text { .. } => {
                let first = |field: &str| (field == feature.schema.field()).then_some(value);
                self.texts(feature, first, false, encoded).map(|_| ())
            }
            FeatureKind::Items { .. } => self.item_vectors(feature, value, encoded),
            FeatureKind::Index { .. } | FeatureKind::Indices { .. } => {
                self.numbered(feature, value, encoded)
            }
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
        FeatureKind::Id { .. } | FeatureKind::Index { .. } => "a string or an integer",
        FeatureKind::Ids { .. } | FeatureKind::Items { .. } | FeatureKind::Indices { .. } => {
            "a list of strings or integers"
        }
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

#[cfg(test)]
mod tests;
