//! Filters against a plain evaluation, their text, and the errors of wrong ones.

mod check;
mod condition;
mod limits;
mod properties;
mod syntax;
mod times;

use super::*;
use serde_json::{Value, json};
use twinspire_towers::internals::Fields;

fn known(records: &[Value]) -> KnownFields {
    let mut known = KnownFields::default();
    for record in records {
        known.add_item(&Fields::of(record));
    }
    known
}

fn shop() -> Vec<Value> {
    vec![
        json!({
            "id": "a", "price": 12.5, "city": "Seattle", "tags": ["new", "red"], "sold": false,
            "location": {"lat": 47.6, "lon": -122.3}, "seller": {"name": "Ann", "since": 2011},
            "code": "x1", "sizes": [], "in": 3,
        }),
        json!({"id": "b", "price": 80, "city": "Portland", "tags": ["new"], "code": 7}),
        json!({"id": "c", "city": null, "sold": true, "tags": []}),
    ]
}
