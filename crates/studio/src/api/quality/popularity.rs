//! Which items answers are made of: popular ones, rare ones, and those that nobody has met yet. A field of the items
//! says how popular they are.

use crate::api::problem::Problem;
use crate::api::sample::records;
use serde::Serialize;
use serde_json::Value;
use twinspire::Database;

/// Number of items that the tenths of the catalogue are found from.
const SAMPLE: usize = 10_000;
/// Number of groups.
const GROUPS: usize = 10;

/// The places in answers by popularity of the items.
#[derive(Debug, Serialize)]
pub struct Popularity {
    pub field: String,
    /// Number of items that the catalogue's tenths were found from.
    pub sampled: usize,
    /// Places in answers by tenth of the catalogue, most popular first.
    pub tenths: Vec<usize>,
    /// Places of items without popularity: the field is 0 or missing.
    pub cold: usize,
    /// The share of such items in the catalogue.
    pub cold_items: f64,
}

/// The popularity of the catalogue.
pub struct Catalogue {
    field: String,
    /// The values of sampled items, largest first.
    values: Vec<f64>,
}

impl Catalogue {
    /// Reads a sample of the items.
    pub fn read(database: &Database, field: &str) -> Result<Self, Problem> {
        let sampled = records(database, SAMPLE)?;
        let mut values: Vec<f64> = sampled.iter().map(|one| value(one, field)).collect();
        values.sort_unstable_by(|one, other| other.total_cmp(one));
        Ok(Self {
            field: field.to_owned(),
            values,
        })
    }

    /// Sums up items with their popularity and the number of places that each has.
    pub fn sum(&self, places: impl IntoIterator<Item = (f64, usize)>) -> Popularity {
        let (mut tenths, mut cold) = (vec![0; GROUPS], 0);
        for (value, count) in places {
            if let Some(tenth) = tenths.get_mut(self.tenth(value)) {
                *tenth += count;
            }
            if value == 0.0 {
                cold += count;
            }
        }
        let cold_items = self.values.iter().filter(|value| **value == 0.0).count();
        Popularity {
            field: self.field.clone(),
            sampled: self.values.len(),
            tenths,
            cold,
            cold_items: cold_items as f64 / self.values.len().max(1) as f64,
        }
    }

    /// The tenth of the catalogue that a value belongs to; equal values belong to the one in their middle.
    fn tenth(&self, value: f64) -> usize {
        let above = self.values.partition_point(|one| *one > value);
        let up_to = self.values.partition_point(|one| *one >= value);
        let middle = usize::midpoint(above, up_to);
        (middle * GROUPS / self.values.len().max(1)).min(GROUPS - 1)
    }
}

/// The popularity of an item: 0 if the field is missing or no number.
pub fn value(record: &Value, field: &str) -> f64 {
    let mut path = field.split('.');
    let found = path.try_fold(record, |value, name| value.get(name));
    let found = record.get(field).or(found).and_then(Value::as_f64);
    // An infinite one is not in JSON.
    found.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_fall_into_tenths_of_the_catalogue() {
        let values = (0..100).rev().map(|at| f64::from((at - 50).max(0)));
        let catalogue = Catalogue {
            field: "sold".to_owned(),
            values: values.collect(),
        };
        let sum = catalogue.sum([(49.0, 5), (45.0, 1), (1.0, 2), (0.0, 4), (1e9, 1)]);
        assert_eq!(sum.tenths, [7, 0, 0, 0, 2, 0, 0, 4, 0, 0]);
        assert_eq!((sum.cold, sum.cold_items), (4, 0.51));
        let record = json!({"a": {"b": 3}, "c.d": 4, "e": "many"});
        let each = ["a.b", "c.d", "e", "f"].map(|field| value(&record, field));
        assert_eq!(each, [3.0, 4.0, 0.0, 0.0]);
    }
}
