//! One component: the price times a scale.

use super::files::{TowerFiles, open, tower_files};
use serde_json::json;
use twinspire::Towers;

/// Towers that tell one generation from another: the vector of an item or a user is its `price` times a
/// scale, compared by L2. An answer that mixes two generations has distances that no single scale explains.
pub fn scaled(scale: f32) -> TowerFiles {
    let tower = json!({
        "features": [{"kind": "number", "field": "price", "mean": 0.0, "deviation": 1.0}],
        "layers": [{"kind": "dense", "units": 1}]
    });
    let schema = json!({
        "format": 1, "name": format!("price times {scale}"), "dimension": 1, "metric": "l2",
        "user": tower, "item": tower
    });
    let weights = [
        ("layer.0.weight".to_owned(), vec![1, 1], vec![scale]),
        ("layer.0.bias".to_owned(), vec![1], vec![0.0]),
    ];
    let files = [
        ("user.safetensors", &weights[..]),
        ("item.safetensors", &weights[..]),
    ];
    tower_files(&schema, &files)
}

/// The towers of [`scaled`], opened.
pub fn scaled_towers(scale: f32) -> Towers {
    open(&scaled(scale))
}
