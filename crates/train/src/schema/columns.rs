//! Kinds of columns, derived from the values of each field.

use super::unread::Unread;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use twinspire_towers::internals::{Moment, Place, describe};

/// Names of fields that are text, whatever their values look like.
const TEXTS: [&str; 6] = ["title", "name", "text", "description", "body", "query"];
/// Maximum number of distinct strings of a category column.
const MAX_CATEGORIES: usize = 2000;

/// Days that times may lie before or after those of the training: ten years.
const MARGIN_DAYS: f64 = 3652.0;

/// Minimum average number of words of a text column whose name does not say that it is one.
const MIN_WORDS: usize = 3;

/// Maximum share of values of another type than the others of a column.
const MAX_STRAYS: f64 = 0.05;

/// The kind of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Column {
    /// Numbers.
    Number(Numbers),
    /// Strings or booleans, or lists of strings, that many records share.
    Categories(Vec<String>),
    /// Lists of integers: ids. With a vocabulary if there are few enough.
    Ids(Option<Vec<String>>),
    /// Lists of this many numbers, such as the vectors of an encoder.
    Vector(usize),
    /// Texts.
    Text,
    /// Points on the Earth.
    Place,
    /// Times, read by their age.
    Time {
        /// The latest of them, in seconds since 1970.
        until: f64,
        /// Days before it.
        days: Numbers,
        /// The column as plain numbers, if it holds numbers.
        plain: Option<Numbers>,
    },
}

/// The distribution of a column of numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) mean: f32,
    pub(crate) deviation: f32,
    /// The range that values are expected in.
    pub(crate) range: [f64; 2],
}

/// A column: its kind, or why no feature is derived from it, and counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Profile {
    pub(crate) column: Result<Column, Unread>,
    /// Number of values that are not null.
    pub(crate) values: usize,
    /// Number of values of another type than the column.
    pub(crate) strays: usize,
    /// One of them.
    pub(crate) example: Option<String>,
}

/// The profile of each field of the records.
pub(crate) fn columns(records: &[Value]) -> BTreeMap<String, Profile> {
    let named = values_by_field(records).into_iter();
    named
        .map(|(field, values)| (field.to_owned(), profile(field, &values)))
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

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// A string, or a list of strings.
    Strings,
    Number,
    Flag,
    /// A list of integers.
    Integers,
    Place,
    /// A list of numbers with fractions.
    Floats,
    /// Any other list or object.
    Nested,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::String(_) | Value::Null => Self::Strings,
            Value::Number(_) => Self::Number,
            Value::Bool(_) => Self::Flag,
            Value::Object(object) if Place::of(object).is_some() => Self::Place,
            Value::Object(_) => Self::Nested,
            Value::Array(list) if list.iter().all(Value::is_string) => Self::Strings,
            Value::Array(list) if list.iter().all(|n| n.is_i64() || n.is_u64()) => Self::Integers,
            Value::Array(list) if list.iter().all(Value::is_number) => Self::Floats,
            Value::Array(_) => Self::Nested,
        }
    }
}

/// The profile of a column: of its main type if few values are of another.
fn profile(field: &str, values: &[&Value]) -> Profile {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    for value in values {
        *counts.entry(Kind::of(value)).or_default() += 1;
    }
    let main = counts.iter().max_by_key(|(_, count)| **count);
    let mut main = main.map_or(Kind::Strings, |(kind, _)| *kind);
    // Some lists of numbers with fractions have none.
    if main == Kind::Integers && counts.contains_key(&Kind::Floats) {
        main = Kind::Floats;
    }
    let length = common_length(values).filter(|_| main == Kind::Floats);
    let is_own = |value: &&&Value| match length {
        Some(length) => is_vector(value, length),
        None => Kind::of(value) == main,
    };
    let (mut own, mut strays): (Vec<&Value>, Vec<&Value>) = values.iter().partition(is_own);
    let column = match strays.len() as f64 > MAX_STRAYS * values.len() as f64 {
        true if values.iter().all(|value| is_list_of_numbers(value)) => Err(Unread::Floats),
        true => Err(Unread::Mixed),
        false => {
            let found = match length {
                Some(length) => Ok(Column::Vector(length)),
                None => column(field, main, &own),
            };
            if let Ok(Column::Time { .. }) = found {
                let (times, others) = own.iter().partition(|v| Moment::of(v).is_some());
                own = times;
                strays.extend::<Vec<&Value>>(others);
            }
            found
        }
    };
    Profile {
        column,
        values: values.len(),
        strays: values.len() - own.len(),
        example: strays.first().map(|value| describe(value)),
    }
}

/// The length that most lists have.
fn common_length(values: &[&Value]) -> Option<usize> {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for list in values.iter().filter_map(|value| value.as_array()) {
        *counts.entry(list.len()).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(length, _)| length).filter(|length| *length > 0)
}

/// Whether a value is a list of this many numbers.
fn is_vector(value: &Value, length: usize) -> bool {
    is_list_of_numbers(value) && value.as_array().is_some_and(|list| list.len() == length)
}

fn is_list_of_numbers(value: &Value) -> bool {
    let list = value.as_array();
    list.is_some_and(|list| list.iter().all(Value::is_number))
}

/// The kind of a column whose values are all of one type.
fn column(field: &str, main: Kind, values: &[&Value]) -> Result<Column, Unread> {
    match main {
        _ if values.is_empty() => Err(Unread::Empty),
        Kind::Number => match is_named_time(field).then(|| times(values)).flatten() {
            Some(times) => Ok(times),
            None => numbers(values).map(Column::Number),
        },
        Kind::Place => Ok(Column::Place),
        Kind::Strings if TEXTS.contains(&field) && values.iter().all(|v| v.is_string()) => {
            Ok(Column::Text)
        }
        Kind::Strings => match times(values) {
            Some(times) => Ok(times),
            None => categories(values),
        },
        Kind::Flag => categories(values),
        Kind::Integers => Ok(Column::Ids(vocabulary(values).ok())),
        Kind::Floats => Err(Unread::Floats),
        Kind::Nested => Err(Unread::Nested),
    }
}

/// Whether a field is named as times are, so that its numbers may be times.
fn is_named_time(field: &str) -> bool {
    let name = field.to_lowercase();
    let ends = [
        "_at",
        "_ts",
        "time",
        "timestamp",
        "date",
        "created",
        "updated",
        "published",
    ];
    name == "at" || name == "ts" || ends.iter().any(|end| name.ends_with(end))
}

/// A column of times, if nearly all values are times after 1973, and not all the same.
fn times(values: &[&Value]) -> Option<Column> {
    let is_time = |moment: &Moment| moment.seconds.unsigned_abs() >= 100_000_000;
    let all = values.iter().filter_map(|value| Moment::of(value));
    // Text is a time whatever it says; small numbers are hours, years or counts.
    let all = all.filter(|moment| values[0].is_string() || is_time(moment));
    let seconds: Vec<f64> = all.map(Moment::as_seconds).collect();
    if (seconds.len() as f64) < (1.0 - MAX_STRAYS) * values.len() as f64 {
        return None;
    }
    let until = seconds.iter().copied().fold(f64::MIN, f64::max);
    let ages = seconds.iter().map(|seconds| (until - seconds) / 86_400.0);
    let mut days = distribution(&ages.collect::<Vec<_>>()).ok()?;
    // Time goes on after the training.
    days.range = [days.range[0] - MARGIN_DAYS, days.range[1] + MARGIN_DAYS];
    let plain = numbers(values).ok();
    Some(Column::Time { until, days, plain })
}

/// The distribution of numbers, unless all are the same.
fn numbers(values: &[&Value]) -> Result<Numbers, Unread> {
    let numbers: Vec<f64> = values.iter().filter_map(|value| value.as_f64()).collect();
    distribution(&numbers)
}

fn distribution(numbers: &[f64]) -> Result<Numbers, Unread> {
    if numbers.is_empty() {
        return Err(Unread::Empty);
    }
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    let squares = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
    let deviation = (squares / numbers.len() as f64).sqrt() as f32;
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if least == most {
        return Err(Unread::Constant);
    }
    if !(deviation.is_finite() && deviation > 0.0 && (mean as f32).is_finite()) {
        return Err(Unread::Overflow);
    }
    // Far outside are values in another unit: cents for dollars, milliseconds for seconds.
    let margin = (10.0 * (most - least)).max(0.2 * least.abs().max(most.abs()));
    Ok(Numbers {
        mean: mean as f32,
        deviation,
        range: [least - margin, most + margin],
    })
}

fn categories(values: &[&Value]) -> Result<Column, Unread> {
    vocabulary(values).map(Column::Categories)
}

/// The distinct strings of values, or of the elements of lists, if records share them.
fn vocabulary(values: &[&Value]) -> Result<Vec<String>, Unread> {
    let mut distinct = BTreeSet::new();
    for value in values {
        let one = std::slice::from_ref(*value);
        let list = value.as_array().map_or(one, Vec::as_slice);
        distinct.extend(list.iter().map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }));
    }
    match distinct.len() {
        0 => Err(Unread::Empty),
        // Nearly one distinct string for each record does not generalise.
        found if found * 2 > values.len() && found >= 16 => Err(Unread::Distinct { found }),
        found if found > MAX_CATEGORIES => Err(Unread::TooMany { found }),
        _ => Ok(distinct.into_iter().collect()),
    }
}

/// Names of the fields that hold categories.
pub(crate) fn category_fields(records: &[Value]) -> Vec<String> {
    let columns = columns(records).into_iter();
    let categories =
        columns.filter(|(_, column)| matches!(column.column, Ok(Column::Categories(_))));
    categories.map(|(field, _)| field).collect()
}
