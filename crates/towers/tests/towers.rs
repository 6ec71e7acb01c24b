//! Towers give the vectors of an independent evaluator, `tests/fixtures/reference.py`, which was written from
//! storage-format.md alone.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails may panic"
)]

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use twinspire_towers::Towers;

/// The directories that `reference.py` wrote. Those with ONNX models are tested in `tests/contents/onnx.rs` of the root package.
fn directories() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let inside = std::fs::read_dir(root).unwrap();
    let paths = inside.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| !path.to_string_lossy().contains("onnx-"));
    let mut found: Vec<_> = paths
        .filter(|path| path.join("tower.json").exists())
        .collect();
    found.sort();
    found
}

#[test]
fn every_feature_and_layer_matches_the_reference() {
    let directories = directories();
    assert!(directories.len() >= 12, "{directories:?}");
    for path in directories {
        let name = path.file_name().unwrap().to_str().unwrap();
        let towers = Towers::open(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let test = towers.self_test().unwrap();
        println!("{name}: {} records, {:.1e}", test.cases, test.difference);
        assert!(test.cases >= 4, "{name}: {test:?}");
        assert!(test.difference <= 1e-5, "{name}: {test:?}");
    }
}

/// The records of a side in the self-test of a directory.
fn records(path: &Path, side: &str) -> Vec<Value> {
    let test = std::fs::read(path.join("selftest.json")).unwrap();
    let test: Value = serde_json::from_slice(&test).unwrap();
    let cases = test[side].as_array().unwrap().iter();
    cases.map(|case| case["record"].clone()).collect()
}

#[test]
fn many_items_have_the_vectors_of_each_and_an_error_appends_nothing() {
    for path in directories() {
        let towers = Towers::open(&path).unwrap();
        let items = records(&path, "item");
        let each = items.iter().map(|item| towers.embed_item(item));
        let each: Vec<Vec<f32>> = each.collect::<Result<_, _>>().unwrap();
        let mut vectors = vec![7.0];
        towers.embed_items_into(&items, &mut vectors).unwrap();
        assert_eq!(vectors.split_off(1), each.concat(), "{}", path.display());
        let mut bad = items.clone();
        bad.push(json!({"id": "bad", "nothing": "that is read"}));
        if let Err(error) = towers.embed_items_into(&bad, &mut vectors) {
            assert!(error.to_string().contains("item \"bad\""), "{error}");
            assert_eq!(vectors, [7.0]);
        }
    }
}

#[test]
fn combined_towers_embed_users_as_one_model_and_items_as_the_other() {
    let mut directories = directories();
    if cfg!(feature = "onnx") {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        directories.extend(["onnx-exported", "onnx-one"].map(|name| root.join(name)));
    }
    let mut combined = 0;
    for (users, items) in directories
        .iter()
        .flat_map(|a| directories.iter().map(move |b| (a, b)))
    {
        let (user, item) = (Towers::open(users).unwrap(), Towers::open(items).unwrap());
        let together = Towers::combine(&user, &item);
        if (user.dimension(), user.metric()) != (item.dimension(), item.metric()) {
            together.unwrap_err();
            continue;
        }
        // Batch normalisation is folded into one factor, which cannot be written.
        let together = match together {
            Err(error) if error.to_string().contains("batch normalisation") => continue,
            together => together.unwrap(),
        };
        combined += 1;
        for record in records(users, "user") {
            // Vectors of items exist in a generation alone.
            if let Ok(expected) = user.embed_user(&record) {
                let found = together.embed_user(&record).unwrap();
                assert_eq!(found, expected, "{} {record}", users.display());
            }
        }
        for record in records(items, "item") {
            let expected = item.embed_item(&record).unwrap();
            let found = together.embed_item(&record).unwrap();
            assert_eq!(found, expected, "{} {record}", items.display());
        }
    }
    assert!(combined > 60, "{combined}");
}
