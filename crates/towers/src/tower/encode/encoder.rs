//! What reading a feature needs: tables, options, scratch memory; and the words for a wrong value.

use super::reading::Reading;
use super::texts::Texts;
use crate::record::{RecordError, describe};
use crate::tower::model::Table;
use crate::tower::schema::{FeatureKind, FeatureSchema};
use serde_json::Value;
use std::borrow::Cow;

/// Reads features of records.
pub(crate) struct Encoder<'a> {
    pub(crate) tables: &'a [Table],
    pub(crate) reading: Reading<'a>,
    pub(crate) texts: &'a mut Texts,
}

/// What the field of a feature should hold.
pub(super) fn expected(feature: &FeatureSchema) -> Cow<'static, str> {
    let expected = match &feature.kind {
        FeatureKind::Id { .. } | FeatureKind::Index { .. } => "a string or an integer",
        FeatureKind::Ids { .. }
        | FeatureKind::Sequence { .. }
        | FeatureKind::Items { .. }
        | FeatureKind::Indices { .. } => "a list of strings or integers",
        FeatureKind::Categories { .. } | FeatureKind::Cross { .. } => {
            "a string or a list of strings"
        }
        FeatureKind::Number { .. } | FeatureKind::Buckets { .. } => "a finite number",
        FeatureKind::Text { .. } | FeatureKind::Tokens { .. } => "a string",
        FeatureKind::Geo { .. } | FeatureKind::Distance { .. } => {
            "a point {\"lat\": -90 to 90, \"lon\": -180 to 180}"
        }
        FeatureKind::Hour { .. } | FeatureKind::Weekday { .. } | FeatureKind::Age { .. } => {
            "a time: a date as in ISO 8601, or a number of seconds or fractions of them since 1970"
        }
        FeatureKind::Vector { dimension, .. } => {
            return format!("a list of {dimension} numbers").into();
        }
    };
    expected.into()
}

/// Refuses a number outside of the feature's range: in another unit, or of another kind than the model knows.
pub(super) fn check_range(
    feature: &FeatureSchema,
    number: f64,
    found: &Value,
) -> Result<(), RecordError> {
    let Some([least, most]) = feature.range() else {
        return Ok(());
    };
    if (least..=most).contains(&number) {
        return Ok(());
    }
    let what = match &feature.kind {
        FeatureKind::Age { .. } => "an age in days",
        FeatureKind::Distance { .. } => "a distance in kilometres",
        FeatureKind::Hour { .. } | FeatureKind::Weekday { .. } => "a time in seconds since 1970",
        _ => "a number",
    };
    let expected = format!("{what} from {least} to {most}, the range of the feature");
    let mut found = describe(found);
    if !found.contains(&number.to_string()) {
        found = format!("{found}, which gives {number}");
    }
    Err(RecordError::new(feature.field(), expected, found))
}

/// The error for a value that a feature cannot read.
pub(super) fn wrong(feature: &FeatureSchema, found: &Value) -> RecordError {
    RecordError::new(
        feature.field(),
        expected(feature),
        described(feature, found),
    )
}

/// A value in words; of a list, also the first element that the feature cannot read.
fn described(feature: &FeatureSchema, value: &Value) -> String {
    let is_string = |value: &Value| match value {
        Value::Number(number) => number.is_i64() || number.is_u64(),
        other => other.is_string() || other.is_boolean(),
    };
    let is_number = |value: &Value| {
        let number = value.as_f64().map(|number| number as f32);
        number.is_some_and(f32::is_finite)
    };
    let readable: &dyn Fn(&Value) -> bool = match &feature.kind {
        FeatureKind::Vector { .. } => &is_number,
        FeatureKind::Ids { .. }
        | FeatureKind::Sequence { .. }
        | FeatureKind::Items { .. }
        | FeatureKind::Indices { .. }
        | FeatureKind::Categories { .. }
        | FeatureKind::Cross { .. } => &is_string,
        _ => &|_| true,
    };
    let bad = value.as_array().and_then(|list| {
        let mut elements = list.iter().enumerate();
        elements.find(|(_, element)| !readable(element))
    });
    match bad {
        Some((at, element)) => {
            format!(
                "{} with {} at place {at}, from 0",
                describe(value),
                describe(element)
            )
        }
        None => describe(value),
    }
}
