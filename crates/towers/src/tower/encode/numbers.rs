//! Numbers, and features computed from points and times.

use super::encoder::{expected, wrong};
use crate::record::{Place, RecordError, describe};
use crate::tower::encoded::Encoded;
use crate::tower::model::Feature;
use crate::tower::schema::{FeatureKind, FeatureSchema, To, Until};
use serde_json::Value;
use std::f64::consts::TAU;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const SECONDS_OF_DAY: f64 = 86_400.0;
/// The weekday of 1970-01-01, a Thursday, counted from Monday.
const FIRST_WEEKDAY: f64 = 3.0;

/// Reads a feature whose field holds a number, a point, a time or a list of numbers.
pub(super) fn read(
    feature: &Feature,
    value: &Value,
    other: Option<&Value>,
    encoded: &mut Encoded,
) -> Result<(), RecordError> {
    let schema = &feature.schema;
    match &schema.kind {
        FeatureKind::Vector { dimension, .. } => {
            let list = value
                .as_array()
                .filter(|list| list.len() == *dimension as usize);
            for number in list.ok_or_else(|| wrong(schema, value))? {
                let number = number.as_f64().map(|number| number as f32);
                let number = number.filter(|number| number.is_finite());
                encoded.push_number(number.ok_or_else(|| wrong(schema, value))?);
            }
        }
        FeatureKind::Buckets { boundaries, .. } => {
            let number = value.as_f64().ok_or_else(|| wrong(schema, value))?;
            let below = boundaries.partition_point(|boundary| *boundary <= number);
            push_category(feature, below, encoded);
        }
        FeatureKind::Hour { utc_offset, .. } => {
            let time = time(schema, schema.field(), value)? + f64::from(*utc_offset) * 60.0;
            let hour = time.rem_euclid(SECONDS_OF_DAY) / 3_600.0;
            if feature.table.is_some() {
                encoded.push_row((hour as u32).min(23), 1.0);
            } else {
                let (sin, cos) = (TAU * hour / 24.0).sin_cos();
                encoded.push_number(sin as f32);
                encoded.push_number(cos as f32);
            }
        }
        FeatureKind::Weekday { utc_offset, .. } => {
            let time = time(schema, schema.field(), value)? + f64::from(*utc_offset) * 60.0;
            let day = ((time / SECONDS_OF_DAY).floor() + FIRST_WEEKDAY).rem_euclid(7.0);
            push_category(feature, day as usize, encoded);
        }
        FeatureKind::Number { .. } => {
            let number = value.as_f64().ok_or_else(|| wrong(schema, value))?;
            push_scaled(schema, number, value, encoded)?;
        }
        FeatureKind::Distance { to, .. } => {
            let here = place(schema, schema.field(), value)?;
            let there = match (to, other) {
                (To::Point(point), _) => point.place(),
                (To::Field(field), Some(other)) => Some(place(schema, field, other)?),
                (To::Field(_), None) => None,
            };
            let there = there.ok_or_else(|| wrong(schema, value))?;
            push_scaled(schema, here.distance_km(&there), value, encoded)?;
        }
        FeatureKind::Age { until, .. } => {
            let from = time(schema, schema.field(), value)?;
            let until = match (until, other) {
                (Until::Seconds(seconds), _) => *seconds,
                (Until::Field(field), Some(other)) => time(schema, field, other)?,
                (Until::Field(_), None) => return Err(wrong(schema, value)),
            };
            push_scaled(schema, (until - from) / SECONDS_OF_DAY, value, encoded)?;
        }
        _ => return Err(wrong(schema, value)),
    }
    Ok(())
}

/// Adds a row of the table, or one-hot numbers if there is no table.
fn push_category(feature: &Feature, at: usize, encoded: &mut Encoded) {
    if feature.table.is_some() {
        encoded.push_row(at as u32, 1.0);
    } else if let Some(one) = encoded.zeros(feature.width).get_mut(at) {
        *one = 1.0;
    }
}

fn push_scaled(
    schema: &FeatureSchema,
    number: f64,
    value: &Value,
    encoded: &mut Encoded,
) -> Result<(), RecordError> {
    let scaled = schema.scaling().map(|(scaling, _)| scaling.apply(number));
    let scaled = scaled.filter(|scaled| scaled.is_finite());
    encoded.push_number(scaled.ok_or_else(|| wrong(schema, value))?);
    Ok(())
}

fn place(schema: &FeatureSchema, field: &str, value: &Value) -> Result<Place, RecordError> {
    let place = value.as_object().and_then(Place::of);
    place.ok_or_else(|| RecordError::new(field, expected(schema), describe(value)))
}

/// Seconds since 1970.
fn time(schema: &FeatureSchema, field: &str, value: &Value) -> Result<f64, RecordError> {
    let seconds = match value {
        Value::String(text) => OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .map(|time| time.unix_timestamp() as f64 + f64::from(time.nanosecond()) / 1e9),
        value => value.as_f64(),
    };
    seconds.ok_or_else(|| RecordError::new(field, expected(schema), describe(value)))
}
