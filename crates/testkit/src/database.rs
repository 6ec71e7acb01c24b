//! Opening a database without its background thread; reading its answers.

use serde_json::{Value, json};
use std::path::Path;
use twinspire::{Database, Hit};

/// Opens a database without its background thread: it seals and merges only when a test calls for it.
pub fn open_without_background(path: &Path) -> Database {
    Database::options().background(false).open(path).unwrap()
}

/// An item with an id such as `B007`, a price and a name.
pub fn item(id: usize, price: usize) -> Value {
    json!({"id": format!("B{id:03}"), "price": price, "name": format!("thing {id}")})
}

/// The ids of the hits, best first.
pub fn ids(hits: &[Hit]) -> Vec<String> {
    hits.iter().map(|hit| hit.id.clone()).collect()
}

/// Ids and scores of the hits, best first.
pub fn scores(hits: &[Hit]) -> Vec<(String, f32)> {
    hits.iter().map(|hit| (hit.id.clone(), hit.score)).collect()
}
