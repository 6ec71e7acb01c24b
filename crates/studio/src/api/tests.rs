//! What tests of several subjects share.

use super::State;
use crate::follow::Followed;
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;
use twinspire::{Database, Lexical, Metric, RankFusion, Towers};

/// A shop of three items, and a space that compares prices.
pub fn shop() -> (TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.twin");
    let db = Database::open(&path).unwrap();
    let items = [
        json!({"id": "B01", "title": "red shoes", "price": 12.5}),
        json!({"id": "B02", "title": "blue boots", "price": 20}),
        json!({"id": "B03", "title": "<b>socks</b>", "price": 30}),
    ];
    db.items().put_many(&items).unwrap();
    let tower = json!({"features": [{"kind": "number", "field": "price", "mean": 0.0, "deviation": 1.0}],
        "layers": []});
    let schema = json!({"format": 1, "name": "price", "dimension": 1, "metric": "l2", "user": tower, "item": tower});
    let files = vec![("tower.json".to_owned(), schema.to_string().into_bytes())];
    let towers = Towers::from_bytes(files).unwrap();
    db.publish("price").towers(towers).run().unwrap();
    drop(db);
    let state = State::new(Arc::new(Followed::open(&path).unwrap()));
    (dir, state)
}

/// The shop with a lexical space of titles, and an ensemble of both spaces.
pub fn shop_with_words() -> (TempDir, State) {
    let (dir, state) = shop();
    drop(state);
    let path = dir.path().join("shop.twin");
    let db = Database::open(&path).unwrap();
    let words = Lexical::new().field("title", 1.0);
    db.lexical().define("titles", words).unwrap();
    let both = RankFusion::new().space("price", 1.0).space("titles", 1.0);
    db.ensembles().define("both", both).unwrap();
    drop(db);
    let state = State::new(Arc::new(Followed::open(&path).unwrap()));
    (dir, state)
}

/// A database with the space `clip` of items `0`, `1`, … with these vectors.
pub fn of_vectors(count: usize, vector: impl Fn(usize) -> Vec<f32>) -> (TempDir, State) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("clip.twin");
    let db = Database::open(&path).unwrap();
    let items: Vec<_> = (0..count).map(|at| json!({"id": at.to_string()})).collect();
    db.items().put_many(&items).unwrap();
    let towers = Towers::vectors_only("clip", vector(0).len(), Metric::L2).unwrap();
    let vectors = (0..count).map(|at| (at.to_string(), vector(at)));
    db.publish("clip")
        .towers(towers)
        .vectors(vectors)
        .run()
        .unwrap();
    drop(db);
    let state = State::new(Arc::new(Followed::open(&path).unwrap()));
    (dir, state)
}
