//! Recipes of ensembles.

use super::Packed;
use serde_json::{Map, Value, json};

/// A recipe as JSON.
pub fn read(packed: &mut Packed<'_>) -> Value {
    let mut recipe = method(packed);
    let business = packed.option(|packed| {
        let field = packed.text();
        let [default, score, value] = [(); 3].map(|()| f64::from_bits(packed.u64()));
        json!({
            "field": field, "default": default, "score_exponent": score, "field_exponent": value
        })
    });
    let diversity = packed.option(
        |packed| json!({"space": packed.text(), "lambda": packed.f32(), "depth": packed.u32()}),
    );
    for (name, part) in [("business", business), ("diversity", diversity)] {
        if let Some(part) = part {
            recipe[name] = part;
        }
    }
    recipe
}

fn method(packed: &mut Packed<'_>) -> Value {
    match packed.u32() {
        0 => {
            let mut recipe = json!({"method": "weighted", "spaces": weights(packed)});
            if let Some(missing) = packed.option(Packed::f32) {
                recipe["missing"] = json!(missing);
            }
            if let Some(fused) = packed.option(Packed::text) {
                recipe["fused"] = json!(fused);
            }
            recipe
        }
        1 => {
            let stages = packed.list(|packed| {
                let mut stage = json!({"space": packed.text(), "take": packed.u32()});
                if let Some(least) = packed.option(Packed::f32) {
                    stage["at_least"] = json!(least);
                }
                stage
            });
            json!({"method": "cascade", "stages": stages})
        }
        2 => {
            let (spaces, k, depth) = (weights(packed), packed.u32(), packed.u32());
            json!({"method": "rank_fusion", "spaces": spaces, "k": k, "depth": depth})
        }
        3 => {
            let spaces = weights(packed);
            let by = ["min_max", "z_score", "calibration"][packed.u32() as usize];
            json!({"method": "normalised", "spaces": spaces, "by": by, "depth": packed.u32()})
        }
        4 => {
            let channels = packed.list(|packed| match (packed.text(), packed.u32()) {
                (space, 0) => json!({"space": space, "share": packed.f32()}),
                (space, 1) => json!({"space": space, "count": packed.u32()}),
                other => panic!("a channel of {other:?}"),
            });
            json!({"method": "quotas", "channels": channels})
        }
        other => panic!("method {other}"),
    }
}

fn weights(packed: &mut Packed<'_>) -> Value {
    let weights = packed.list(|packed| (packed.text(), json!(packed.f32())));
    Value::Object(Map::from_iter(weights))
}
