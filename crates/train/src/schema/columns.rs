//! What the values of each field are.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use twinspire_towers::internals::Place;

/// Names of fields that hold text to be read by its grams, whatever it looks like.
const TEXTS: [&str; 6] = ["title", "name", "text", "description", "body", "query"];
/// A column of strings with more different ones than this is not a category.
const MAX_CATEGORIES: usize = 2000;

/// Of how many words, on the average, the values of a column are that is read as texts though its name
/// does not say so.
const SEVERAL: usize = 3;

/// What the values of a field are.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Column {
    /// Numbers, and how they are spread.
    Number { mean: f32, deviation: f32 },
    /// Strings, or lists of them, of which many records have the same.
    Categories(Vec<String>),
    /// Texts.
    Text,
    /// Points on the earth.
    Place,
}

/// What each field is that a record has; none for one that no feature can be made for by itself.
pub(super) fn columns(records: &[Value]) -> BTreeMap<String, Option<Column>> {
    let named = values_by_field(records).into_iter();
    named
        .map(|(field, values)| (field.to_owned(), column(field, &values)))
        .collect()
}

/// The fields that a record has.
pub(crate) fn field_names(records: &[Value]) -> Vec<String> {
    let named = values_by_field(records).into_keys();
    named.map(str::to_owned).collect()
}

/// The fields that hold texts: those whose names say so and most of whose values are strings; where there
/// is none of these, those whose values are strings of several words, mostly different ones, but for the
/// record's `id`.
pub(crate) fn text_fields(records: &[Value], id: &str) -> Vec<String> {
    let values = values_by_field(records);
    // A value that is none is left to be refused by its place: a column is not dropped for it.
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

/// The values of each field that are not null.
fn values_by_field(records: &[Value]) -> BTreeMap<&str, Vec<&Value>> {
    let mut values: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for (field, value) in records.iter().filter_map(Value::as_object).flatten() {
        if !value.is_null() {
            values.entry(field).or_default().push(value);
        }
    }
    values
}

/// Whether values are texts by their looks.
fn is_text(values: &[&Value]) -> bool {
    let texts: Option<Vec<&str>> = values.iter().map(|value| value.as_str()).collect();
    texts.is_some_and(|texts| {
        // Neither the digits of a date nor the parts of a link are words.
        let words = texts.iter().flat_map(|text| text.split_whitespace());
        let words = words.filter(|word| word.contains(char::is_alphabetic));
        let distinct: BTreeSet<&str> = texts.iter().copied().collect();
        words.count() >= SEVERAL * texts.len() && distinct.len() * 2 > texts.len()
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

/// Numbers that are not all the same.
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
    // Nearly a string of its own for every record: nothing would be learnt about others.
    let shared = distinct.len() * 2 <= values.len() || distinct.len() < 16;
    (some && shared).then(|| Column::Categories(distinct.into_iter().collect()))
}

/// The different strings of values that are strings or lists of them; none if others are among them.
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
