//! Recipes of ensembles.

use super::Packed;
use serde_json::{Map, Value, json};

/// A recipe as JSON.
pub fn read(packed: &mut Packed<'_>) -> Value {
    match packed.u32() {
        0 => json!({"method": "weighted", "spaces": weights(packed)}),
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
        other => panic!("method {other}"),
    }
}

fn weights(packed: &mut Packed<'_>) -> Value {
    let weights = packed.list(|packed| (packed.text(), json!(packed.f32())));
    Value::Object(Map::from_iter(weights))
}
