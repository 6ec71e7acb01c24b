//! Encoders of text through a database: published with their tokenizer, recalled, checked byte by byte.

use serde_json::json;
use std::path::{Path, PathBuf};
use twinspire::{Database, Error, TextTowers};
use twinspire_testkit::tower_fixtures;

const TITLES: [&str; 4] = [
    "red running shoes",
    "heat transfer at the boundary layer",
    "the price of a wing",
    "Größe und Farbe",
];

fn encoder(name: &str) -> PathBuf {
    tower_fixtures().join("tokens").join(name)
}

/// A database of the titles, with the encoder of a directory published.
fn published(path: &Path, name: &str) -> Database {
    let db = Database::open(path).unwrap();
    let items = TITLES.iter().enumerate();
    let items = items.map(|(at, title)| json!({"id": at.to_string(), "title": title, "price": at}));
    db.items().put_many(&items.collect::<Vec<_>>()).unwrap();
    let towers = TextTowers::new().fields(["title"]).query(["q"]);
    let towers = towers.open(encoder(name)).unwrap();
    db.publish("text").towers(towers).force().run().unwrap();
    db
}

fn assert_found(db: &Database) {
    for (at, title) in TITLES.iter().enumerate() {
        let hits = db.recall("text").user(&json!({"q": title})).top(1).unwrap();
        assert_eq!(hits[0].id, at.to_string());
        assert!((hits[0].score - 1.0).abs() < 1e-4);
    }
}

fn survives(name: &str, files: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.twin");
    let db = published(&path, name);
    assert_found(&db);
    // A fresh item is embedded by the same encoder.
    db.items()
        .put(&json!({"id": "new", "title": "laminar flow"}))
        .unwrap();
    let user = json!({"q": "laminar flow"});
    assert_eq!(db.recall("text").user(&user).top(1).unwrap()[0].id, "new");
    db.seal().unwrap();
    drop(db);
    let db = Database::open(&path).unwrap();
    assert_found(&db);
    assert!(db.check().unwrap().is_clean());
    drop(db);
    for file in files {
        let file = path.join("towers/text-000001").join(file);
        let whole = std::fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        std::fs::write(&file, &flipped).unwrap();
        match Database::open(&path) {
            Err(Error::Corrupt { path, .. }) => assert_eq!(path, file),
            Err(error) => panic!("{}: {error}", file.display()),
            Ok(_) => panic!("{} is damaged, and the database was opened", file.display()),
        }
        std::fs::write(&file, &whole).unwrap();
    }
    assert_found(&Database::open(&path).unwrap());
}

#[test]
fn a_static_encoder_is_published_with_its_tokenizer() {
    survives("encoder-static", &["tokenizer.json", "shared.safetensors"]);
}

#[cfg(feature = "onnx")]
#[test]
fn a_transformer_is_published_with_its_tokenizer() {
    survives("encoder-bert", &["tokenizer.json", "shared.onnx"]);
}
