//! Raw features to table rows and numbers.

use super::lookup::Place;
use super::model::{Side, Table, Tower};
use super::schema::{FeatureSchema, Missing, OtherFields};
use crate::record::{RecordError, describe};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What one feature of one record is: the input of its part of the first layer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    /// Rows of the feature's table.
    Rows(Vec<u32>),
    /// A standardised number.
    Number(f32),
}

/// A record as a tower reads it: an input for each feature, in the schema's order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Encoded(pub(crate) Vec<Input>);

impl Tower {
    /// Reads the features of `record`.
    ///
    /// Nothing is passed over in silence: a field of the wrong type, a missing one without a
    /// default, an unknown id without a place and (for users) a field nobody reads are errors.
    pub(crate) fn encode(&self, tables: &[Table], record: &Value) -> Result<Encoded, RecordError> {
        let Value::Object(fields) = record else {
            let expected = format!("a JSON object of the {}'s features", self.side);
            return Err(RecordError::new("", expected, describe(record)));
        };
        self.check_others(fields)?;
        let inputs = self.features.iter().map(|feature| {
            let given = fields.get(feature.schema.field());
            match given.filter(|value| !value.is_null()) {
                Some(value) => read(&feature.schema, feature.table.map(|at| &tables[at]), value),
                None => absent(&feature.schema),
            }
        });
        inputs.collect::<Result<_, _>>().map(Encoded)
    }

    /// Refuses fields that nobody reads, where the schema says so.
    fn check_others(&self, fields: &Map<String, Value>) -> Result<(), RecordError> {
        let allowed: &[String] = match (&self.other_fields, self.side) {
            (Some(OtherFields::Ignore), _) | (None, Side::Item) => return Ok(()),
            (Some(OtherFields::Allow(allowed)), _) => allowed,
            (Some(OtherFields::Error), _) | (None, Side::User) => &[],
        };
        let read = || self.features.iter().map(|feature| feature.schema.field());
        let known = |name: &&String| read().any(|field| field == *name) || allowed.contains(name);
        let Some(other) = fields.keys().find(|name| !known(name)) else {
            return Ok(());
        };
        let known: BTreeSet<&str> = read().chain(allowed.iter().map(String::as_str)).collect();
        let known = Vec::from_iter(known).join(", ");
        let expected = format!("only what the {} tower reads ({known})", self.side);
        Err(RecordError::new(
            other,
            expected,
            "a field it does not read",
        ))
    }
}

fn absent(feature: &FeatureSchema) -> Result<Input, RecordError> {
    match (feature.missing(), feature) {
        (Missing::Zero, FeatureSchema::Number { .. }) => Ok(Input::Number(0.0)),
        (Missing::Zero, _) => Ok(Input::Rows(Vec::new())),
        (Missing::Error, _) => {
            let expected = expected(feature);
            Err(RecordError::new(feature.field(), expected, "no such field"))
        }
    }
}

fn expected(feature: &FeatureSchema) -> &'static str {
    match feature {
        FeatureSchema::Id { .. } => "a string or an integer",
        FeatureSchema::Ids { .. } => "a list of strings or integers",
        FeatureSchema::Categories { .. } => "a string or a list of strings",
        FeatureSchema::Number { .. } => "a finite number",
        FeatureSchema::Text { .. } => "a string",
    }
}

fn read(
    feature: &FeatureSchema,
    table: Option<&Table>,
    value: &Value,
) -> Result<Input, RecordError> {
    let wrong =
        |found: &Value| RecordError::new(feature.field(), expected(feature), describe(found));
    if let FeatureSchema::Number {
        mean, deviation, ..
    } = feature
    {
        let number = value.as_f64().ok_or_else(|| wrong(value))?;
        let scaled = ((number - f64::from(*mean)) / f64::from(*deviation)) as f32;
        return if scaled.is_finite() {
            Ok(Input::Number(scaled))
        } else {
            Err(wrong(value))
        };
    }
    let mut rows = Vec::new();
    let mut add = |text: &str| -> Result<(), RecordError> {
        match table.map_or(Place::Nowhere, |table| table.lookup.find(text)) {
            Place::Row(row) => rows.push(row),
            Place::Nowhere => {}
            Place::Unknown => {
                let known = feature.table().unwrap_or_default();
                let expected = format!("a string that is in the vocabulary of table `{known}`");
                let found = describe(&Value::String(text.to_owned()));
                return Err(RecordError::new(feature.field(), expected, found));
            }
        }
        Ok(())
    };
    match (feature, value) {
        (FeatureSchema::Id { .. }, value) => add(&id_text(value).ok_or_else(|| wrong(value))?)?,
        (FeatureSchema::Ids { limit, .. }, Value::Array(list)) => {
            let from = list.len().saturating_sub(*limit as usize);
            for value in &list[from..] {
                add(&id_text(value).ok_or_else(|| wrong(value))?)?;
            }
        }
        (FeatureSchema::Categories { .. }, Value::Array(list)) => {
            for value in list {
                add(value.as_str().ok_or_else(|| wrong(value))?)?;
            }
        }
        (FeatureSchema::Categories { .. }, Value::String(text)) => add(text)?,
        (FeatureSchema::Text { .. }, Value::String(text)) => {
            let mut outcome = Ok(());
            trigrams(text, |trigram| {
                if outcome.is_ok() {
                    outcome = add(trigram);
                }
            });
            outcome?;
        }
        _ => return Err(wrong(value)),
    }
    Ok(Input::Rows(rows))
}

/// An id: a string, or an integer, which stands for its digits.
fn id_text(value: &Value) -> Option<std::borrow::Cow<'_, str>> {
    match value {
        Value::String(text) => Some(text.into()),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            Some(number.to_string().into())
        }
        _ => None,
    }
}

/// Gives the letter trigrams of each word, as DSSM does (Huang et al., 2013, section 3.2): lower
/// case, words are runs of letters and digits, each between two `#`. A word of one letter has one
/// trigram.
pub(super) fn trigrams(text: &str, mut each: impl FnMut(&str)) {
    let lower = text.to_lowercase();
    let mut marked = String::new();
    for word in lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        marked.clear();
        marked.extend(['#']);
        marked.push_str(word);
        marked.push('#');
        let starts: Vec<usize> = marked.char_indices().map(|(at, _)| at).collect();
        for (at, start) in starts.iter().enumerate().take(starts.len() - 2) {
            let end = starts.get(at + 3).copied().unwrap_or(marked.len());
            each(&marked[*start..end]);
        }
    }
}
