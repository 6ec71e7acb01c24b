//! Lookups: strings in tables, items in the generation.

use super::ages::Ages;
use super::encoder::{Encoder, expected, wrong};
use super::reading::IDS_PER_LOOKUP;
use super::texts;
use crate::record::{Place, RecordError, describe};
use crate::tower::encoded::Encoded;
use crate::tower::lookup::NotFound;
use crate::tower::model::{Feature, Table};
use crate::tower::schema::{FeatureKind, FeatureSchema, Pooling, Recency};
use serde_json::Value;
use std::fmt::Write;
use twinspire_core::kernel::{Level, Row, Weights};
use xxhash_rust::xxh3::xxh3_64;

/// The maximum number of pairs of a cross feature.
const MAX_PAIRS: usize = 1 << 16;
/// The separator of the two strings of a pair, as in TensorFlow.
const CROSSED: &str = "_X_";

/// The sums that pooling divides by.
#[derive(Clone, Copy, Default)]
pub(super) struct WeightSums {
    sum: f32,
    squares: f32,
}

impl WeightSums {
    pub(super) fn add(&mut self, weight: f32) {
        self.sum += weight;
        self.squares += weight * weight;
    }

    /// The factor of the weighted sum.
    pub(super) fn scale(self, pooling: Pooling) -> f32 {
        match pooling {
            Pooling::Mean if self.sum > 0.0 => 1.0 / self.sum,
            Pooling::Sqrtn if self.squares > 0.0 => 1.0 / self.squares.sqrt(),
            // Nothing was found, or all weights are 0.
            Pooling::Mean | Pooling::Sqrtn => 0.0,
            Pooling::Sum | Pooling::Max => 1.0,
        }
    }
}

/// Looks up the strings of a feature.
struct Reader<'a> {
    /// The field that is being read.
    field: &'a str,
    table: Option<&'a Table>,
    encoded: &'a mut Encoded,
    found: WeightSums,
}

impl Reader<'_> {
    fn add(&mut self, text: &str, weight: f32) -> Result<(), RecordError> {
        let Some(table) = self.table else {
            return Ok(());
        };
        let encoded = &mut *self.encoded;
        let each = |row| {
            // The forward pass reads it once all features are encoded.
            if let Some(embedding) = table.weights.row(row) {
                embedding.prefetch();
            }
            encoded.push_row(row, weight);
        };
        match table.lookup.find(text, each) {
            Ok(()) => self.found.add(weight),
            Err(NotFound::Skip) => {}
            Err(NotFound::Refuse(expected)) => {
                let expected = format!("{expected} of table `{}`", table.name);
                let found = describe(&Value::String(text.to_owned()));
                return Err(RecordError::new(self.field, expected, found));
            }
        }
        Ok(())
    }
}

impl Encoder<'_> {
    /// Reads a feature whose strings have embeddings.
    pub(super) fn embedded(
        &mut self,
        feature: &Feature,
        value: &Value,
        other: Option<&Value>,
        encoded: &mut Encoded,
    ) -> Result<(), RecordError> {
        let (schema, texts) = (&feature.schema, &mut *self.texts);
        let mut reader = Reader {
            field: schema.field(),
            table: feature.table.and_then(|at| self.tables.get(at)),
            encoded,
            found: WeightSums::default(),
        };
        match (&schema.kind, value) {
            (FeatureKind::Ids { limit, .. }, Value::Array(list)) => {
                let newest = newest(list, *limit);
                let ages = ages(schema, newest, &mut texts.ages, &mut texts.one)?;
                for (value, age) in newest.iter().zip(ages) {
                    if let Some(age) = age {
                        let weight = weight_at(*age, schema.recency());
                        reader.add(text_of(schema, value, &mut texts.one)?, weight)?;
                    }
                }
            }
            (FeatureKind::Sequence { limit, .. }, Value::Array(list)) => {
                for value in newest(list, *limit) {
                    reader.add(text_of(schema, value, &mut texts.one)?, 1.0)?;
                }
            }
            (FeatureKind::Id { .. }, value) => {
                reader.add(text_of(schema, value, &mut texts.one)?, 1.0)?;
            }
            (FeatureKind::Categories { .. }, value) => {
                for value in one_or_many(value) {
                    reader.add(text_of(schema, value, &mut texts.one)?, 1.0)?;
                }
            }
            (FeatureKind::Cross { .. }, value) => {
                let others = other.map(one_or_many).unwrap_or_default();
                let pairs = one_or_many(value).len().saturating_mul(others.len());
                if pairs > MAX_PAIRS {
                    let expected = format!("no more than {MAX_PAIRS} pairs with the other field");
                    let found = format!("{pairs} pairs");
                    return Err(RecordError::new(schema.field(), expected, found));
                }
                for a in one_or_many(value) {
                    for b in others {
                        texts.gram.clear();
                        texts.gram.push_str(text_of(schema, a, &mut texts.one)?);
                        texts.gram.push_str(CROSSED);
                        texts.gram.push_str(text_of(schema, b, &mut texts.one)?);
                        reader.add(&texts.gram, 1.0)?;
                    }
                }
            }
            (FeatureKind::Geo { scales, .. }, Value::Object(object)) => {
                let place = Place::of(object).ok_or_else(|| wrong(schema, value))?;
                for (at, scale) in scales.iter().enumerate() {
                    let cell = |degrees: f64| (degrees / scale).floor() as i64;
                    let (y, x) = (cell(place.lat + 90.0), cell(place.lon + 180.0));
                    texts.gram.clear();
                    // Writing to a string cannot fail.
                    let _ = write!(texts.gram, "{at}:{y}:{x}");
                    reader.add(&texts.gram, 1.0)?;
                }
            }
            (_, value) => return Err(wrong(schema, value)),
        }
        let scale = reader.found.scale(schema.pooling());
        encoded.factors().iter_mut().for_each(|x| *x *= scale);
        Ok(())
    }

    /// Reads the texts of a feature one after the other; returns whether any field is present. With
    /// `skip_unreadable`, a value that is not a text counts as absent.
    pub(super) fn texts<'v>(
        &mut self,
        feature: &Feature,
        given: impl Fn(&str) -> Option<&'v Value>,
        skip_unreadable: bool,
        encoded: &mut Encoded,
    ) -> Result<bool, RecordError> {
        let schema = &feature.schema;
        let FeatureKind::Text { grams, limit, .. } = &schema.kind else {
            return Ok(false);
        };
        let mut left = limit.map_or(usize::MAX, |limit| limit as usize);
        let mut reader = Reader {
            field: schema.field(),
            table: feature.table.and_then(|at| self.tables.get(at)),
            encoded,
            found: WeightSums::default(),
        };
        let mut any = false;
        let there = schema.fields();
        for (field, value) in there.filter_map(|field| Some((field, given(field)?))) {
            reader.field = field;
            let (before, found) = (reader.encoded.size(), reader.found);
            let read = match value {
                // Each text separately, so that no gram spans two of them.
                Value::String(text) => {
                    texts::grams(text, *grams, left, self.texts, |gram| reader.add(gram, 1.0))
                }
                _ => Err(RecordError::new(field, expected(schema), describe(value))),
            };
            match read {
                Ok(words) => {
                    left -= words;
                    any = true;
                }
                Err(_) if skip_unreadable => {
                    reader.encoded.shrink(before);
                    reader.found = found;
                }
                Err(error) => return Err(error),
            }
        }
        let scale = reader.found.scale(schema.pooling());
        encoded.factors().iter_mut().for_each(|x| *x *= scale);
        Ok(any)
    }

    /// Reads a feature that pools the vectors of items of the same generation.
    pub(super) fn item_vectors(
        &mut self,
        feature: &Feature,
        value: &Value,
        encoded: &mut Encoded,
    ) -> Result<(), RecordError> {
        let schema = &feature.schema;
        let (FeatureKind::Items { limit, .. }, Value::Array(list)) = (&schema.kind, value) else {
            return Err(wrong(schema, value));
        };
        let items = self.reading.items.ok_or_else(|| {
            let expected = "a recall from a database, where the items' vectors are";
            RecordError::new(schema.field(), expected, "towers alone")
        })?;
        let (pooling, level) = (schema.pooling(), Level::best());
        let pooled = encoded.zeros(feature.width);
        let mut found = WeightSums::default();
        let newest = newest(list, *limit);
        let texts = &mut *self.texts;
        let ages = ages(schema, newest, &mut texts.ages, &mut texts.one)?;
        let chunks = newest
            .chunks(IDS_PER_LOOKUP)
            .zip(ages.chunks(IDS_PER_LOOKUP));
        for (values, ages) in chunks {
            let mut ids = [""; IDS_PER_LOOKUP];
            let ids = ids.get_mut(..values.len()).unwrap_or_default();
            texts_of(schema, values, &mut texts.one, ids)?;
            items(ids, &mut |at, row| {
                let Some(age) = ages.get(at).copied().flatten() else {
                    return;
                };
                let row = match row {
                    Row::Full(row) => Weights::F32(row),
                    Row::Half(row) => Weights::F16(row),
                };
                let weight = weight_at(age, schema.recency());
                match pooling {
                    Pooling::Max if found.sum == 0.0 => {
                        pooled.iter_mut().zip(row.iter()).for_each(|(x, y)| *x = y);
                    }
                    Pooling::Max => {
                        pooled
                            .iter_mut()
                            .zip(row.iter())
                            .for_each(|(x, y)| *x = x.max(y));
                    }
                    Pooling::Mean | Pooling::Sum | Pooling::Sqrtn => {
                        level.add_scaled(pooled, weight, row);
                    }
                }
                found.add(weight);
            });
        }
        let scale = found.scale(pooling);
        pooled.iter_mut().for_each(|x| *x *= scale);
        Ok(())
    }
}

/// The newest `limit` elements of a list.
fn newest(list: &[Value], limit: u32) -> &[Value] {
    let newest = list.get(list.len().saturating_sub(limit as usize)..);
    newest.unwrap_or_default()
}

/// The age of each element of a list that counts.
fn ages<'a>(
    feature: &FeatureSchema,
    list: &[Value],
    ages: &'a mut Ages,
    digits: &mut String,
) -> Result<&'a [Option<u32>], RecordError> {
    ages.of(list, feature.distinct(), |value| {
        Ok(xxh3_64(text_of(feature, value, digits)?.as_bytes()))
    })
}

/// The weight of an element that is followed by `age` newer ones.
fn weight_at(age: u32, recency: Option<&Recency>) -> f32 {
    match recency {
        None => 1.0,
        Some(Recency::Decay(decay)) => decay.powi(age.try_into().unwrap_or(i32::MAX)),
        Some(Recency::Weights(weights)) => {
            let weight = weights.get(age as usize).or(weights.last());
            weight.copied().unwrap_or_default()
        }
    }
}

/// The values of a list, or a single value as a list.
fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Array(list) => list,
        one => std::slice::from_ref(one),
    }
}

/// Each of some values as [`text_of`] reads it. `digits` takes those of all integers.
fn texts_of<'a>(
    feature: &FeatureSchema,
    values: &'a [Value],
    digits: &'a mut String,
    texts: &mut [&'a str],
) -> Result<(), RecordError> {
    digits.clear();
    for number in values.iter().filter_map(Value::as_number) {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{number} ");
    }
    let mut numbers = digits.split_terminator(' ');
    for (value, text) in values.iter().zip(texts) {
        let number = value.as_number().and_then(|_| numbers.next());
        *text = plain_text(value)
            .or(number.filter(|_| is_integer(value)))
            .ok_or_else(|| wrong(feature, value))?;
    }
    Ok(())
}

/// A string. An integer is read as its digits, a boolean as its name.
pub(super) fn text_of<'a>(
    feature: &FeatureSchema,
    value: &'a Value,
    digits: &'a mut String,
) -> Result<&'a str, RecordError> {
    if let Some(text) = plain_text(value) {
        return Ok(text);
    }
    if !is_integer(value) {
        return Err(wrong(feature, value));
    }
    digits.clear();
    // Writing to a string cannot fail.
    let _ = write!(digits, "{value}");
    Ok(digits)
}

/// A string, or the name of a boolean.
fn plain_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Bool(true) => Some("true"),
        Value::Bool(false) => Some("false"),
        _ => None,
    }
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64()
}
