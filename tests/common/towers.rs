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
    let (weight, bias) = (scale.to_le_bytes(), 0f32.to_le_bytes());
    let tensors = [
        (
            "layer.0.weight",
            TensorView::new(Dtype::F32, vec![1, 1], &weight).unwrap(),
        ),
        (
            "layer.0.bias",
            TensorView::new(Dtype::F32, vec![1], &bias).unwrap(),
        ),
    ];
    let weights = safetensors::serialize(tensors, None).unwrap();
    vec![
        ("tower.json".to_owned(), schema.to_string().into_bytes()),
        ("user.safetensors".to_owned(), weights.clone()),
        ("item.safetensors".to_owned(), weights),
    ]
}
