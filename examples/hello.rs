//! The smallest complete program: towers, items, a publish and a recall.
//!
//! ```sh
//! cargo run --example hello
//! ```
//!
//! The towers learn nothing: each scales a price and a size, and items near the user's wish come first.
//! `quickstart` trains towers from logs instead.

#![expect(
    clippy::disallowed_methods,
    reason = "a program of a user writes files as it likes"
)]

use serde_json::json;
use twinspire::{Database, Towers};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let home = tempfile::tempdir()?;
    let features = json!([
        {"kind": "number", "field": "price", "mean": 50, "deviation": 25},
        {"kind": "number", "field": "size", "mean": 40, "deviation": 3},
    ]);
    let tower = json!({"features": features, "layers": []});
    let schema = json!({
        "format": 1, "name": "shoes", "dimension": 2, "metric": "l2", "user": tower, "item": tower,
    });
    std::fs::write(home.path().join("tower.json"), schema.to_string())?;

    let db = Database::open(home.path().join("shop.twin"))?;
    db.items().put_many(&[
        json!({"id": "sandals", "price": 20, "size": 38}),
        json!({"id": "trainers", "price": 60, "size": 42}),
        json!({"id": "boots", "price": 90, "size": 43}),
    ])?;
    let towers = Towers::open(home.path())?;
    db.publish("shoes").towers(towers).run()?;
    let wish = json!({"price": 70, "size": 42});
    for hit in &db.recall("shoes").user(&wish).top(2)? {
        println!("{:8} {:6.2}", hit.id, hit.score);
    }
    Ok(())
}
