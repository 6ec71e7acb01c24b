//! The fields that an item tower reads, as a sample of the records has them: what never varies or is missing teaches
//! a tower nothing.

use crate::api::problem::Problem;
use crate::api::sample::{SAMPLE, records};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashSet;
use twinspire::Database;

/// Share of records below which a field counts as mostly missing.
const RARE: f64 = 0.05;

/// A feature of an item tower.
#[derive(Debug, Serialize)]
pub struct FeatureReport {
    pub kind: String,
    pub fields: Vec<FieldReport>,
    /// What is wrong with it.
    pub remark: Option<Remark>,
}

/// A field that a feature reads.
#[derive(Debug, Serialize)]
pub struct FieldReport {
    pub name: String,
    /// Number of sampled records that have it.
    pub present: usize,
    /// Number of distinct values in the sample.
    pub distinct: usize,
}

/// What is wrong with a feature.
#[derive(Debug, Serialize, PartialEq, Eq, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub enum Remark {
    /// No sampled record has any of its fields.
    Missing,
    /// Hardly any has.
    Rare,
    /// All that have it have the same value.
    Constant,
}

/// The features of a space's item tower, and the number of sampled records.
pub fn of(database: &Database, space: &str) -> Result<(Vec<FeatureReport>, usize), Problem> {
    let records = records(database, SAMPLE)?;
    let Some(item) = database.towers(space)?.describe().item else {
        return Ok((Vec::new(), records.len()));
    };
    let features = item.features.into_iter().map(|feature| {
        let fields: Vec<FieldReport> = feature
            .fields
            .iter()
            .map(|name| field(name, &records))
            .collect();
        FeatureReport {
            kind: feature.kind,
            remark: remark(&fields, records.len()),
            fields,
        }
    });
    Ok((features.collect(), records.len()))
}

fn field(name: &str, records: &[Value]) -> FieldReport {
    let value = |record: &Value| match record.get(name) {
        Some(value) => value.clone(),
        None => name
            .split('.')
            .fold(record.clone(), |value, part| value[part].clone()),
    };
    let values: Vec<Value> = records
        .iter()
        .map(value)
        .filter(|value| !value.is_null())
        .collect();
    let distinct: HashSet<String> = values.iter().map(Value::to_string).collect();
    FieldReport {
        name: name.to_owned(),
        present: values.len(),
        distinct: distinct.len(),
    }
}

fn remark(fields: &[FieldReport], records: usize) -> Option<Remark> {
    let present = fields.iter().map(|field| field.present).max().unwrap_or(0);
    let distinct = fields.iter().map(|field| field.distinct).max().unwrap_or(0);
    match (present, distinct) {
        _ if records < 2 => None,
        (0, _) => Some(Remark::Missing),
        (present, _) if (present as f64) < RARE * records as f64 => Some(Remark::Rare),
        (_, 1) => Some(Remark::Constant),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_that_teach_nothing_have_a_remark() {
        let mut records: Vec<Value> = (0..100)
            .map(|at| json!({"a": at, "b": 1, "c": {"d": at % 3}}))
            .collect();
        records[0]["rare"] = json!(1);
        records[1]["rare"] = json!(2);
        for (names, expected) in [
            (vec!["a"], None),
            (vec!["c.d"], None),
            (vec!["b"], Some(Remark::Constant)),
            (vec!["x"], Some(Remark::Missing)),
            (vec!["rare"], Some(Remark::Rare)),
            (vec!["x", "a"], None),
        ] {
            let fields: Vec<FieldReport> = names.iter().map(|name| field(name, &records)).collect();
            assert_eq!(remark(&fields, records.len()), expected, "{names:?}");
        }
    }
}
