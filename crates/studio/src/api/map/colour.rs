//! The values of a field for all points of a map, to colour them by.

use super::build::{MAX_POINTS, Map, visit};
use crate::api::problem::Problem;
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use twinspire::Database;

/// Maximum number of categories with a colour of their own; the others share one.
const MAX_LABELS: usize = 10;

/// The values of a field, a value for each point.
#[derive(Debug, Serialize, PartialEq)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Colours {
    /// Numbers; none where the field is absent.
    Number {
        least: f64,
        most: f64,
        values: Vec<Option<f64>>,
    },
    /// Categories, most frequent first. A code of a point is the place of its label, one past the labels for
    /// rarer values, and −1 without a value.
    Category {
        labels: Vec<Label>,
        codes: Vec<i16>,
        /// Number of points with any other value.
        others: usize,
    },
}

/// A category and its number of points.
#[derive(Debug, Serialize, PartialEq)]
pub struct Label {
    pub text: String,
    pub count: usize,
}

/// The values of a field at the points of a map.
pub fn colours(database: &Database, map: &Map, path: &str) -> Result<Colours, Problem> {
    let mut values: Vec<Value> = vec![Value::Null; map.ids.len()];
    visit(database, None, MAX_POINTS, |item| {
        let id = item.record["id"].as_str().unwrap_or_default();
        let place = map
            .places
            .get(id)
            .and_then(|at| values.get_mut(*at as usize));
        if let Some(place) = place {
            *place = find(&item.record, path).clone();
        }
    })?;
    Ok(encode(&values))
}

/// The value at a path such as `seller.city`.
fn find<'a>(record: &'a Value, path: &str) -> &'a Value {
    match record.get(path) {
        Some(value) => value,
        None => path.split('.').fold(record, |value, name| &value[name]),
    }
}

fn encode(values: &[Value]) -> Colours {
    let numbers = values.iter().filter(|value| value.is_number()).count();
    let present = values.iter().filter(|value| !value.is_null()).count();
    if numbers > 0 && numbers * 2 >= present {
        let values: Vec<Option<f64>> = values.iter().map(Value::as_f64).collect();
        let known = || values.iter().flatten().copied();
        return Colours::Number {
            least: known().fold(f64::INFINITY, f64::min),
            most: known().fold(f64::NEG_INFINITY, f64::max),
            values,
        };
    }
    // Of a list, the first value counts.
    let text = |value: &Value| match value {
        Value::Null | Value::Object(_) => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => values.first().map(|first| match first {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }),
        other => Some(other.to_string()),
    };
    let texts: Vec<Option<String>> = values.iter().map(text).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for text in texts.iter().flatten() {
        *counts.entry(text).or_default() += 1;
    }
    let mut order: Vec<(&str, usize)> = counts.into_iter().collect();
    order.sort_by(|(one, count), (other, others)| others.cmp(count).then(one.cmp(other)));
    let codes_of: HashMap<&str, i16> = order
        .iter()
        .map(|(text, _)| *text)
        .take(MAX_LABELS)
        .zip(0..)
        .collect();
    let codes = texts.iter().map(|text| match text {
        None => -1,
        Some(text) => codes_of
            .get(text.as_str())
            .copied()
            .unwrap_or(MAX_LABELS as i16),
    });
    let others = order.iter().skip(MAX_LABELS).map(|(_, count)| count).sum();
    let labels = order.iter().take(MAX_LABELS).map(|(text, count)| Label {
        text: text.chars().take(80).collect(),
        count: *count,
    });
    Colours::Category {
        labels: labels.collect(),
        codes: codes.collect(),
        others,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_a_scale_and_texts_are_categories() {
        let numbers = encode(&[json!(3), json!(null), json!(7.5)]);
        let values = vec![Some(3.0), None, Some(7.5)];
        assert_eq!(
            numbers,
            Colours::Number {
                least: 3.0,
                most: 7.5,
                values
            }
        );
        let texts = encode(&[
            json!("b"),
            json!(["a", "b"]),
            json!("b"),
            json!({}),
            json!(true),
        ]);
        let Colours::Category {
            labels,
            codes,
            others,
        } = texts
        else {
            panic!("texts are categories");
        };
        assert_eq!((labels[0].text.as_str(), labels[0].count), ("b", 2));
        assert_eq!((codes, others), (vec![0, 1, 0, -1, 2], 0));
        let many: Vec<Value> = (0..30).map(|at| json!(format!("v{at:02}"))).collect();
        let Colours::Category {
            labels,
            codes,
            others,
        } = encode(&many)
        else {
            panic!("texts are categories");
        };
        assert_eq!(
            (labels.len(), others, codes[29]),
            (MAX_LABELS, 20, MAX_LABELS as i16)
        );
    }

    #[test]
    fn a_path_leads_into_objects_and_a_name_may_have_dots() {
        let record = json!({"a": {"b": 1}, "c.d": 2});
        assert_eq!(find(&record, "a.b"), &json!(1));
        assert_eq!(find(&record, "c.d"), &json!(2));
        assert_eq!(find(&record, "a.x.y"), &Value::Null);
    }
}
