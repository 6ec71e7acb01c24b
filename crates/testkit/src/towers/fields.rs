//! Towers whose components are fields of the record.

use super::files::{TowerFiles, open, tower_files};
use serde_json::{Value, json};
use twinspire::Towers;

/// Towers without layers: each component is a number of the record divided by `deviation`. Other fields
/// are ignored.
pub fn fields(metric: &str, fields: &[&str], deviation: f32) -> TowerFiles {
    let feature =
        |field| json!({"kind": "number", "field": field, "mean": 0.0, "deviation": deviation});
    let features: Vec<Value> = fields.iter().map(feature).collect();
    let tower = json!({"features": features, "layers": [], "other_fields": "ignore"});
    let schema = json!({
        "format": 1, "name": "fields", "dimension": fields.len(), "metric": metric,
        "user": tower, "item": tower
    });
    tower_files::<Vec<f32>>(&schema, &[])
}

/// The towers of [`fields`] with a deviation of 1, opened.
pub fn field_towers(metric: &str, names: &[&str]) -> Towers {
    open(&fields(metric, names, 1.0))
}
