//! Towers that take a vector as it is: features `v0`, `v1`, … are its components.

use crate::towers::safetensors;
use serde_json::{Value, json};

/// The files of a towers directory.
pub fn files(dimension: usize, metric: &str) -> Vec<(String, Vec<u8>)> {
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
    let identity =
        (0..dimension * dimension).map(|at| f32::from(u8::from(at % (dimension + 1) == 0)));
    let weights = safetensors(vec![
        (
            "layer.0.weight",
            vec![dimension, dimension],
            identity.collect(),
        ),
        ("layer.0.bias", vec![dimension], vec![0.0; dimension]),
    ]);
    vec![
        ("tower.json".to_owned(), schema.to_string().into_bytes()),
        ("user.safetensors".to_owned(), weights.clone()),
        ("item.safetensors".to_owned(), weights),
    ]
}

/// The features of a vector, as a record if it has an id.
pub fn record(id: Option<usize>, vector: &[f32]) -> Value {
    let mut record = json!({});
    for (at, x) in vector.iter().enumerate() {
        record[format!("v{at}")] = json!(x);
    }
    if let Some(id) = id {
        record["id"] = json!(format!("B{id:05}"));
    }
    record
}
