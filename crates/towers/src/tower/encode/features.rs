//! Reading one feature of a record, and what replaces a missing field.

use super::encoder::{Encoder, expected};
use super::reading::FeatureCheck;
use super::{indices, numbers};
use crate::record::RecordError;
use crate::tower::encoded::Encoded;
use crate::tower::model::Feature;
use crate::tower::schema::{FeatureKind, FeatureSchema, Missing, Unreadable};
use serde_json::{Map, Value};

impl Encoder<'_> {
    /// Reads a feature from the fields of a record.
    pub(super) fn feature(
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
                let tolerant = self.tolerates_unreadable(schema, None);
                self.texts(feature, given, tolerant, encoded)
            }
            (FeatureKind::Tokens { .. }, ..) => {
                let tolerant = self.tolerates_unreadable(schema, None);
                self.tokens(feature, given, tolerant, encoded)
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
            Err(_) if self.tolerates_unreadable(schema, first) => encoded.shrink(before),
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
                if !schema.also().is_empty() {
                    let also = schema.also().join("`, `");
                    expected = format!("{expected}, here or in `{also}`").into();
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
    fn tolerates_unreadable(&self, feature: &FeatureSchema, value: Option<&Value>) -> bool {
        match (&feature.missing, self.reading.check) {
            (Missing::Error, _) => false,
            (_, FeatureCheck::Lenient) => true,
            _ => {
                let stray = value.is_none_or(|value| numbers::is_of_another_type(feature, value));
                feature.unreadable == Unreadable::Missing && stray
            }
        }
    }

    /// Reads a feature from the value of its field, and of the second field if it has one.
    pub(crate) fn read(
        &mut self,
        feature: &Feature,
        value: &Value,
        other: Option<&Value>,
        encoded: &mut Encoded,
    ) -> Result<(), RecordError> {
        match &feature.schema.kind {
            FeatureKind::Id { .. }
            | FeatureKind::Ids { .. }
            | FeatureKind::Sequence { .. }
            | FeatureKind::Categories { .. }
            | FeatureKind::Cross { .. }
            | FeatureKind::Geo { .. } => self.embedded(feature, value, other, encoded),
            FeatureKind::Text { .. } => {
                let first = |field: &str| (field == feature.schema.field()).then_some(value);
                self.texts(feature, first, false, encoded).map(|_| ())
            }
            FeatureKind::Tokens { .. } => {
                let first = |field: &str| (field == feature.schema.field()).then_some(value);
                self.tokens(feature, first, false, encoded).map(|_| ())
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
