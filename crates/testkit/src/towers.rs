//! The smallest towers that tell one generation from another: the vector of an item or a user is
//! its `price` times a scale, compared by L2. Whoever mixes two generations gets distances that no
//! single scale explains.

use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

/// The files of a towers directory.
pub fn scaled(scale: f32) -> Vec<(String, Vec<u8>)> {
    let tower = json!({
        "features": [{"kind": "number", "field": "price", "mean": 0.0, "deviation": 1.0}],
        "layers": [{"kind": "dense", "units": 1}]
    });
    let schema = json!({
        "format": 1, "name": format!("price times {scale}"), "dimension": 1, "metric": "l2",
        "user": tower, "item": tower
    });
    let weights = safetensors(vec![
        ("layer.0.weight", vec![1, 1], vec![scale]),
        ("layer.0.bias", vec![1], vec![0.0]),
    ]);
    vec![
        ("tower.json".to_owned(), schema.to_string().into_bytes()),
        ("user.safetensors".to_owned(), weights.clone()),
        ("item.safetensors".to_owned(), weights),
    ]
}

/// A safetensors file of these tensors: name, shape, numbers.
pub fn safetensors(tensors: Vec<(&str, Vec<usize>, Vec<f32>)>) -> Vec<u8> {
    let bytes = |numbers: Vec<f32>| numbers.into_iter().flat_map(f32::to_le_bytes).collect();
    let tensors: Vec<(_, _, Vec<u8>)> = tensors
        .into_iter()
        .map(|(name, shape, numbers)| (name, shape, bytes(numbers)))
        .collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap();
        (*name, view)
    });
    safetensors::serialize(views, None).unwrap()
}
