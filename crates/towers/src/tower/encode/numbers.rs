//! Numbers, and features computed from points and times.

use super::encoder::{check_range, expected, wrong};
use crate::record::{Moment, Place, RecordError, describe};
use crate::tower::encoded::Encoded;
use crate::tower::model::Feature;
use crate::tower::schema::{FeatureKind, FeatureSchema, To, Until};
use serde_json::Value;
use std::f64::consts::TAU;

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
                let number = number.as_f64().ok_or_else(|| wrong(schema, value))?;
                check_range(schema, number, value)?;
                let number = Some(number as f32).filter(|number| number.is_finite());
                encoded.push_number(number.ok_or_else(|| wrong(schema, value))?);
            }
        }
        FeatureKind::Buckets { boundaries, .. } => {
            let number = value.as_f64().ok_or_else(|| wrong(schema, value))?;
            check_range(schema, number, value)?;
            let below = boundaries.partition_point(|boundary| *boundary <= number);
            push_category(feature, below, encoded);
        }
        FeatureKind::Hour { utc_offset, .. } => {
            let time = time_in_range(schema, value)? + f64::from(*utc_offset) * 60.0;
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
            let time = time_in_range(schema, value)? + f64::from(*utc_offset) * 60.0;
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

/// Whether a value is no number, time, list or point, whichever the feature reads; otherwise it is one outside of the
/// range. Features without numbers have no range.
pub(super) fn is_of_another_type(feature: &FeatureSchema, value: &Value) -> bool {
    match &feature.kind {
        FeatureKind::Number { .. } | FeatureKind::Buckets { .. } => !value.is_number(),
        FeatureKind::Hour { .. } | FeatureKind::Weekday { .. } | FeatureKind::Age { .. } => {
            Moment::of(value).is_none()
        }
        FeatureKind::Distance { .. } => value.as_object().and_then(Place::of).is_none(),
        FeatureKind::Vector { dimension, .. } => {
            let list = value.as_array();
            let list = list.filter(|list| list.len() == *dimension as usize);
            !list.is_some_and(|list| list.iter().all(Value::is_number))
        }
        _ => true,
    }
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
    check_range(schema, number, value)?;
    let scaled = schema.scaling().map(|(scaling, _)| scaling.apply(number));
    let scaled = scaled.filter(|scaled| scaled.is_finite());
    encoded.push_number(scaled.ok_or_else(|| wrong(schema, value))?);
    Ok(())
}

fn place(schema: &FeatureSchema, field: &str, value: &Value) -> Result<Place, RecordError> {
    let place = value.as_object().and_then(Place::of);
    place.ok_or_else(|| RecordError::new(field, expected(schema), describe(value)))
}

/// Seconds since 1970, within the range of the feature.
fn time_in_range(schema: &FeatureSchema, value: &Value) -> Result<f64, RecordError> {
    let seconds = time(schema, schema.field(), value)?;
    check_range(schema, seconds, value)?;
    Ok(seconds)
}

/// Seconds since 1970.
fn time(schema: &FeatureSchema, field: &str, value: &Value) -> Result<f64, RecordError> {
    let seconds = Moment::of(value).map(Moment::as_seconds);
    seconds.ok_or_else(|| RecordError::new(field, expected(schema), describe(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TimeUnit;
    use crate::tower::encode::{Encoder, Reading, Texts};
    use crate::tower::schema::Schema;
    use proptest::prelude::*;
    use serde_json::json;

    fn feature(schema: Value) -> Result<Feature, String> {
        let schema: FeatureSchema = serde_json::from_value(schema).unwrap();
        let towers = json!({
            "format": 1, "name": "n", "dimension": 1, "metric": "l2",
            "item": {"features": [schema], "layers": [{"kind": "dense", "units": 1}]}
        });
        let towers = Schema::parse(towers.to_string().as_bytes());
        towers.map_err(|error| error.to_string())?;
        Ok(Feature {
            tokenizer: None,
            width: schema.width(&std::collections::BTreeMap::new(), 1),
            schema,
            table: None,
            sequence: None,
        })
    }

    /// The numbers that a feature gives, or the error.
    fn numbers(feature: &Feature, value: &Value) -> Result<Vec<f32>, String> {
        let mut encoded = Encoded::default();
        let mut encoder = Encoder {
            tables: &[],
            reading: Reading::default(),
            texts: &mut Texts::default(),
        };
        let fields = json!({"x": value, "now": "2024-08-04"});
        let fields = fields.as_object().unwrap();
        let read = encoder.feature(feature, fields, &mut encoded);
        read.map_err(|error| error.to_string())?;
        encoded.end_feature();
        Ok(encoded.inputs().next().unwrap().numbers.to_vec())
    }

    /// Features of a time, with ranges that all times of the property lie in.
    fn times() -> [Feature; 3] {
        [
            json!({"kind": "age", "field": "x", "until": "now", "mean": 900, "deviation": 400}),
            json!({"kind": "hour", "field": "x", "range": [1e8, 5e9]}),
            json!({"kind": "weekday", "field": "x", "range": [1e8, 5e9]}),
        ]
        .map(|schema| feature(schema).unwrap())
    }

    proptest! {
        #[test]
        fn a_time_gives_the_same_numbers_in_every_unit(second in 200_000_000i64..4_000_000_000) {
            for feature in times() {
                let expected = numbers(&feature, &json!(second)).unwrap();
                for unit in TimeUnit::ALL {
                    let number = json!(second * unit.per_second());
                    prop_assert_eq!(&numbers(&feature, &number).unwrap(), &expected);
                }
            }
        }

        #[test]
        fn numbers_are_read_within_their_range_and_refused_outside(
            (least, width) in (-1e6..1e6f64, 0.0..1e6f64), x in -1e6..1e6f64,
        ) {
            let range = json!([least, least + width]);
            let given = |kind: &str, keys: Value| {
                let mut schema = json!({"kind": kind, "field": "x", "range": range});
                schema.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
                feature(schema).unwrap()
            };
            let inside = (least..=least + width).contains(&x);
            for (feature, value) in [
                (given("number", json!({})), json!(x)),
                (given("number", json!({"clip": [0, 1], "log": true})), json!(x)),
                (given("buckets", json!({"boundaries": [0.0]})), json!(x)),
                (given("vector", json!({"dimension": 2})), json!([least, x])),
                (given("age", json!({"until": 0})), json!(-x * 86_400.0)),
            ] {
                if value.as_f64().is_some_and(|value| value.abs() > 3e9) {
                    // An age of centuries is no time at all.
                    continue;
                }
                let read = numbers(&feature, &value);
                // Days of an age are rounded.
                if (x - least).abs() > 1e-6 && (x - least - width).abs() > 1e-6 {
                    prop_assert_eq!(read.is_ok(), inside, "{:?} {:?}", feature.schema.kind, read);
                }
                if let Err(error) = read {
                    prop_assert!(error.contains("field `x`") && error.contains("range"), "{}", error);
                }
            }
        }

        #[test]
        fn a_standardised_number_has_a_range_of_a_thousand_deviations(
            mean in 1e3..2e9f32, deviation in 1.0..1e7f32, z in -3000.0..3000.0f64,
        ) {
            let x = f64::from(mean) + z * f64::from(deviation);
            let mut schema = json!({"kind": "number", "field": "x", "mean": mean, "deviation": deviation});
            let read = numbers(&feature(schema.clone()).unwrap(), &json!(x));
            prop_assert_eq!(read.is_ok(), z.abs() <= 1000.0 || (z.abs() - 1000.0).abs() < 1e-6);
            schema["log"] = json!(true);
            prop_assert!(numbers(&feature(schema).unwrap(), &json!(x)).is_ok());
        }
    }

    #[test]
    fn values_of_another_type_can_count_as_missing_but_numbers_out_of_range_do_not() {
        let mut schema = json!({"kind": "number", "field": "x", "mean": 5, "deviation": 2,
                                "missing": "zero", "missing_flag": true});
        let stray = json!("N/A");
        assert!(numbers(&feature(schema.clone()).unwrap(), &stray).is_err());
        schema["unreadable"] = json!("missing");
        let tolerant = feature(schema.clone()).unwrap();
        assert_eq!(numbers(&tolerant, &stray), Ok(vec![0.0, 1.0]));
        assert_eq!(numbers(&tolerant, &json!(7)), Ok(vec![1.0, 0.0]));
        assert!(numbers(&tolerant, &json!(1e9)).is_err());
        schema["missing"] = json!("error");
        assert!(feature(schema).is_err());
    }

    #[test]
    fn seconds_that_became_milliseconds_are_refused_or_read_as_such() {
        let schema = json!({"kind": "number", "field": "x", "mean": 1.7e9, "deviation": 3e7});
        let error = numbers(&feature(schema).unwrap(), &json!(1_722_729_600_000_i64)).unwrap_err();
        assert_eq!(
            error,
            "field `x`: expected a number from -28300000000 to 31700000000, the range of the feature, \
             found a number (1722729600000)"
        );
        let age = &times()[0];
        assert_eq!(
            numbers(age, &json!("2024-08-03")),
            numbers(age, &json!(1_722_643_200_000_i64))
        );
        assert!(
            numbers(age, &json!("9999-08-03"))
                .unwrap_err()
                .contains("an age in days from")
        );
    }

    #[test]
    fn a_range_is_two_ascending_numbers_of_a_feature_with_numbers() {
        let says = |schema: Value| feature(schema).unwrap_err();
        let turned = json!({"kind": "number", "field": "x", "range": [2, 1]});
        assert!(says(turned).contains("the least exceeds the most"));
        let text = json!({"kind": "categories", "field": "x", "table": "t", "range": [0, 1]});
        let error = says(text);
        assert!(
            error.contains("table") || error.contains("a range is for numbers"),
            "{error}"
        );
    }
}
