//! Towers that give back the vector they read.

use super::files::{TowerFiles, tower_files};
use serde_json::{Value, json};

/// Towers of one dense layer that changes nothing: the numbers `v0`, `v1`, ... are the components.
pub fn identity(dimension: usize, metric: &str) -> TowerFiles {
    let feature =
        |at| json!({"kind": "number", "field": format!("v{at}"), "mean": 0.0, "deviation": 1.0});
    let features: Vec<Value> = (0..dimension).map(feature).collect();
    let tower = json!({
        "features": features, "layers": [{"kind": "dense", "units": dimension}]
    });
    let schema = json!({
        "format": 1, "name": "as it is", "dimension": dimension, "metric": metric,
        "user": tower, "item": tower
    });
    let diagonal =
        (0..dimension * dimension).map(|at| f32::from(u8::from(at % (dimension + 1) == 0)));
    let shape = vec![dimension, dimension];
    let weights = [
        ("layer.0.weight".to_owned(), shape, diagonal.collect()),
        (
            "layer.0.bias".to_owned(),
            vec![dimension],
            vec![0.0; dimension],
        ),
    ];
    let files = [
        ("user.safetensors", &weights[..]),
        ("item.safetensors", &weights[..]),
    ];
    tower_files(&schema, &files)
}

/// The record that [`identity`] towers turn into this vector; with an id it is an item, without a user.
pub fn identity_record(id: Option<usize>, vector: &[f32]) -> Value {
    let mut record = json!({});
    for (at, x) in vector.iter().enumerate() {
        record[format!("v{at}")] = json!(x);
    }
    if let Some(id) = id {
        record["id"] = json!(format!("B{id:05}"));
    }
    record
}
