//! Reading all features of a record, and checking its other fields and lengths.

use super::encoder::Encoder;
use super::reading::{FeatureCheck, OtherReaders, Reading};
use super::texts::{self, Texts};
use crate::record::{RecordError, describe};
use crate::tower::encoded::Encoded;
use crate::tower::model::{Table, Tower};
use crate::tower::schema::{FeatureSchema, OtherFields};
use crate::tower::side::Side;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt::Write;

impl Tower {
    /// Reads the features of `record` without a generation, hence without vectors of items.
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
        let (check, others) = (encoder.reading.check, encoder.reading.others);
        let error = self
            .unread_fields(fields, check, others)
            .chain(self.truncated_fields(fields, check))
            .next();
        if let Some(error) = error {
            return Err(error);
        }
        encoded.clear();
        for feature in &self.features {
            encoder.feature(feature, fields, encoded)?;
            encoded.end_feature();
        }
        Ok(())
    }

    /// Whether a feature reads a field, or the description allows it by name.
    pub(crate) fn reads(&self, field: &str) -> bool {
        let mut read = self.features.iter().flat_map(|f| f.schema.fields());
        let allowed = match &self.other_fields {
            Some(OtherFields::Allow(allowed)) => allowed.as_slice(),
            _ => &[],
        };
        read.any(|name| name == field) || allowed.iter().any(|name| name == field)
    }

    /// Whether a record is refused, as a generation refuses it under a check.
    pub(crate) fn check(
        &self,
        tables: &[Table],
        record: &Value,
        check: FeatureCheck,
    ) -> Result<(), RecordError> {
        let mut encoder = Encoder {
            tables,
            reading: Reading {
                // Whether the items exist is not checked.
                items: Some(&|_, _| {}),
                check,
                others: None,
            },
            texts: &mut Texts::default(),
        };
        self.encode(&mut encoder, record, &mut Encoded::default())
    }

    /// Everything that is wrong with a record under [`FeatureCheck::Strict`].
    pub(crate) fn problems(
        &self,
        tables: &[Table],
        record: &Value,
        others: Option<OtherReaders<'_>>,
    ) -> Vec<RecordError> {
        let Value::Object(fields) = record else {
            let expected = format!("a JSON object of the {}'s features", self.side);
            return vec![RecordError::new("", expected, describe(record))];
        };
        let mut encoder = Encoder {
            tables,
            reading: Reading {
                // Whether the items exist is not checked.
                items: Some(&|_, _| {}),
                check: FeatureCheck::Strict,
                others: None,
            },
            texts: &mut Texts::default(),
        };
        let mut encoded = Encoded::default();
        let features = self.features.iter();
        let unread = features.filter_map(|f| encoder.feature(f, fields, &mut encoded).err());
        let unread: Vec<_> = unread.collect();
        let unknown = self.unread_fields(fields, FeatureCheck::Strict, others);
        let too_long = self.truncated_fields(fields, FeatureCheck::Strict);
        unknown.chain(too_long).chain(unread).collect()
    }

    /// Errors for the fields that no feature reads in full, if the check refuses them.
    fn truncated_fields<'a>(
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
            // Of features that read equally much of a field, the first one reports it.
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

    /// Errors for the fields that no feature reads, if the check refuses them.
    fn unread_fields<'a>(
        &'a self,
        fields: &'a Map<String, Value>,
        check: FeatureCheck,
        others: Option<OtherReaders<'a>>,
    ) -> impl Iterator<Item = RecordError> + 'a {
        use FeatureCheck::{Described, Lenient, Strict};
        let allowed: Option<&[String]> = match (&self.other_fields, self.side, check) {
            (_, _, Lenient)
            | (Some(OtherFields::Ignore), _, Described | Strict)
            | (None, Side::Item, Described) => None,
            (Some(OtherFields::Allow(allowed)), ..) => Some(allowed),
            (_, _, Described | Strict) => Some(&[]),
        };
        let read = || self.features.iter().flat_map(|f| f.schema.fields());
        allowed.into_iter().flat_map(move |allowed| {
            let known = move |name: &str| {
                read().any(|field| field == name)
                    || allowed.iter().any(|field| field == name)
                    || others.is_some_and(|reads| reads(name))
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

/// How much of a field a feature reads, in elements or words.
struct Cut<'a> {
    field: &'a str,
    length: usize,
    read: usize,
}

/// The present fields of a feature, each with what remains of the limit after the fields before it.
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
