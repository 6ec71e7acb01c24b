//! Towers of two layers.

use super::files::{TowerFiles, tower_files};
use serde_json::json;

/// Towers of `price` and `weight`: 24 units, then a vector of five components and length 1. The sums are
/// long enough to show another order of addition, or a vector that is normalised twice.
pub fn deep(seed: u8) -> TowerFiles {
    let number =
        |field| json!({"kind": "number", "field": field, "mean": 1.5, "deviation": 3000.0});
    let features = json!([number("price"), number("weight")]);
    let user = json!({
        "features": features,
        "layers": [{"kind": "dense", "units": 24, "activation": "tanh"}, {"kind": "dense", "units": 5}]
    });
    let mut item = user.clone();
    item["other_fields"] = json!("ignore");
    let schema = json!({
        "format": 1, "name": format!("deep {seed}"), "dimension": 5, "metric": "cosine",
        "user": user, "item": item
    });
    let mut state = u32::from(seed) + 1;
    let mut numbers = |count: usize| -> Vec<f32> {
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    };
    let weights = [
        ("layer.0.weight".to_owned(), vec![24, 2], numbers(48)),
        ("layer.0.bias".to_owned(), vec![24], numbers(24)),
        ("layer.1.weight".to_owned(), vec![5, 24], numbers(120)),
        ("layer.1.bias".to_owned(), vec![5], numbers(5)),
    ];
    let files = [
        ("user.safetensors", &weights[..]),
        ("item.safetensors", &weights[..]),
    ];
    tower_files(&schema, &files)
}
