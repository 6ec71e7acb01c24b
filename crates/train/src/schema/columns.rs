//! Kinds of columns, derived from the values of each field.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use twinspire_towers::internals::Place;

/// Names of fields that are text, whatever their values look like.
const TEXTS: [&str; 6] = ["title", "name", "text", "description", "body", "query"];
/// Maximum number of distinct strings of a category column.
const MAX_CATEGORIES: usize = 2000;

/// Minimum average number of words of a text column whose name does not say that it is one.
const MIN_WORDS: usize = 3;

/// The kind of a column.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Column {
    /// Numbers, with their mean and standard deviation.
    Number { mean: f32, deviation: f32 },
    /// Strings, or lists of strings, that many records share.
    Categories(Vec<String>),
    /// Texts.
    Text,
    /// Points on the Earth.
    Place,
}

/// The kind of each field of the records; `None` for a field without a derived feature.
pub(super) fn columns(records: &[Value]) -> BTreeMap<String, Option<Column>> {
    let named = values_by_field(records).into_iter();
    named
        .map(|(field, values)| (field.to_owned(), column(field, &values)))
        .collect()
}

/// Names of all fields of the records.
pub(crate) fn field_names(records: &[Value]) -> Vec<String> {
    let named = values_by_field(records).into_keys();
    named.map(str::to_owned).collect()
}

/// Names of the text fields: those with a name of [`TEXTS`] and mostly string values. Without any of
/// these, fields whose values are strings of several words, mostly distinct, except for `id`.
pub(crate) fn text_fields(records: &[Value], id: &str) -> Vec<String> {
    let values = values_by_field(records);
    // A single malformed value must not hide the column: it is reported when it is read.
    let mostly_strings = |values: &Vec<&Value>| {
        let strings = values.iter().filter(|value| value.is_string());
        strings.count() * 2 > values.len()
    };
    let known = TEXTS.iter().copied();
    let known = known.filter(|name| values.get(name).is_some_and(mostly_strings));
    let known: Vec<String> = known.map(str::to_owned).collect();
    if !known.is_empty() {
        return known;
    }
    let others = values.iter().filter(|(field, _)| **field != id);
    let others = others.filter(|(_, values)| is_text(values));
    others.map(|(field, _)| (*field).to_owned()).collect()
}

/// The non-null values of each field.
fn values_by_field(records: &[Value]) -> BTreeMap<&str, Vec<&Value>> {
    let mut values: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (field, value) in records.iter().filter_map(Value::as_object).flatten() {
        if !value.is_null() {
            values.entry(field).or_default().push(value);
        }
    }
    values
}

/// Whether values look like texts.
fn is_text(values: &[&Value]) -> bool {
    let texts: Option<Vec<&str>> = values.iter().map(|value| value.as_str()).collect();
    texts.is_some_and(|texts| {
        // Digits of a date and parts of a link are not words.
        let words = texts.iter().flat_map(|text| text.split_whitespace());
        let words = words.filter(|word| word.contains(char::is_alphabetic));
        let distinct: BTreeSet<&str> = texts.iter().copied().collect();
        words.count() >= MIN_WORDS * texts.len() && distinct.len() * 2 > texts.len()
    })
}

fn column(field: &str, values: &[&Value]) -> Option<Column> {
    if values.iter().all(|value| value.is_number()) {
        return numbers(values);
    }
    if TEXTS.contains(&field) && values.iter().all(|value| value.is_string()) {
        return Some(Column::Text);
    }
    let is_place = |value: &&Value| value.as_object().and_then(Place::of).is_some();
    if values.iter().all(is_place) {
        return Some(Column::Place);
    }
    categories(values)
}

/// A column of numbers, unless all are the same.
fn numbers(values: &[&Value]) -> Option<Column> {
    let numbers: Vec<f64> = values.iter().filter_map(|value| value.as_f64()).collect();
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let squares = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    let deviation = (squares / numbers.len() as f64).sqrt() as f32;
    let fits = deviation.is_finite() && deviation > 0.0 && (mean as f32).is_finite();
    fits.then_some(Column::Number {
        mean: mean as f32,
        deviation,
    })
}

fn categories(values: &[&Value]) -> Option<Column> {
    let distinct = strings(values)?;
    let some = !distinct.is_empty() && distinct.len() <= MAX_CATEGORIES;
    // Nearly one distinct string for each record does not generalise.
    let shared = distinct.len() * 2 <= values.len() || distinct.len() < 16;
    (some && shared).then(|| Column::Categories(distinct.into_iter().collect()))
}

/// Distinct strings of values that are strings or lists of strings; `None` if there are other values.
fn strings(values: &[&Value]) -> Option<BTreeSet<String>> {
    let mut distinct = BTreeSet::new();
    for value in values {
        match value {
            Value::String(text) => drop(distinct.insert(text.clone())),
            Value::Array(list) => {
                for value in list {
                    distinct.insert(value.as_str()?.to_owned());
                }
            }
            _ => return None,
        }
    }
    Some(distinct)
}

/// Names of the fields that hold categories.
pub(crate) fn category_fields(records: &[Value]) -> Vec<String> {
    let columns = columns(records).into_iter();
    let categories = columns.filter(|(_, column)| matches!(column, Some(Column::Categories(_))));
    categories.map(|(field, _)| field).collect()
}
