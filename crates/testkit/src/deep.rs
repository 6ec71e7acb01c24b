//! Towers that compute something.

use crate::towers::safetensors;
use serde_json::json;

/// The files of a towers directory: two layers, and vectors of five components and of length 1. The
/// sums are long enough that another order of addition, or a vector scaled twice, would show.
pub fn files(seed: u8) -> Vec<(String, Vec<u8>)> {
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
    let weights = safetensors(vec![
        ("layer.0.weight", vec![24, 2], numbers(48)),
        ("layer.0.bias", vec![24], numbers(24)),
        ("layer.1.weight", vec![5, 24], numbers(120)),
        ("layer.1.bias", vec![5], numbers(5)),
    ]);
    vec![
        ("tower.json".to_owned(), schema.to_string().into_bytes()),
        ("user.safetensors".to_owned(), weights.clone()),
        ("item.safetensors".to_owned(), weights),
    ]
}
