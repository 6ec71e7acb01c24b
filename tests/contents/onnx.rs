//! Towers that are ONNX models give the vectors that ONNX Runtime gave
//! (`crates/towers/tests/fixtures/onnx_models.py`). Errors name the part of a model that is at fault.
use serde_json::Value;
use std::path::PathBuf;
use tempfile::TempDir;
use twinspire::{TowerError, Towers, TowersError};
use twinspire_testkit::{tower_fixtures, write_file};

fn directory(name: &str) -> PathBuf {
    let root = tower_fixtures();
    root.join(name)
}

/// A copy of a towers directory that a test may change.
fn copy(name: &str) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(directory(name)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    copy
}

/// Changes the description of a copy.
fn change_description(copy: &TempDir, change: impl FnOnce(&mut Value)) {
    let path = copy.path().join("tower.json");
    let mut description = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut description);
    let text = description.to_string().into_bytes();
    write_file(copy.path(), "tower.json", text);
}

/// The error for towers whose description was changed.
fn refused(name: &str, change: impl FnOnce(&mut Value)) -> TowerError {
    let copy = copy(name);
    change_description(&copy, change);
    open_error(&copy)
}

/// The error for the towers in a directory.
fn open_error(copy: &TempDir) -> TowerError {
    match Towers::open(copy.path()) {
        Err(TowersError::Invalid { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[cfg(not(feature = "onnx"))]
#[test]
fn without_the_feature_a_model_is_refused_and_the_feature_is_named() {
    let error = refused("onnx-mlp", |_| {});
    assert_eq!(error.place, "user layer 0");
    assert!(
        error.fault.to_string().contains("the feature `onnx`"),
        "{error}"
    );
}

#[cfg(feature = "onnx")]
mod with {
    use super::*;
    use serde_json::json;
    use twinspire::Database;

    const ALL: [&str; 8] = [
        "onnx-between",
        "onnx-exported",
        "onnx-half",
        "onnx-history",
        "onnx-ids",
        "onnx-mlp",
        "onnx-norms",
        "onnx-one",
    ];

    /// The records of a self-test.
    fn records(name: &str, side: &str) -> Vec<Value> {
        let test = std::fs::read(directory(name).join("selftest.json")).unwrap();
        let test: Value = serde_json::from_slice(&test).unwrap();
        let cases = test[side].as_array().unwrap().iter();
        cases.map(|case| case["record"].clone()).collect()
    }

    fn near(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn every_model_gives_the_vectors_of_onnx_runtime() {
        for name in ALL {
            let towers = Towers::open(directory(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
            let test = towers.self_test().unwrap();
            println!("{name}: {} records, {:.1e}", test.cases, test.difference);
            assert!(
                test.cases >= 8 && test.difference <= 1e-5,
                "{name}: {test:?}"
            );
            assert!(towers.parameters() > 40, "{name}");
        }
    }

    #[test]
    fn a_batch_gives_the_same_vectors_as_its_records_alone() {
        for name in ALL {
            let towers = Towers::open(directory(name)).unwrap();
            let users = records(name, "user");
            // More than one batch of the tower.
            let users: Vec<Value> = users.iter().cycle().take(150).cloned().collect();
            let mut together = Vec::new();
            towers.embed_users_into(&users, &mut together).unwrap();
            let each = together.chunks_exact(towers.dimension());
            for (user, vector) in users.iter().zip(each) {
                let alone = towers.embed_user(user).unwrap();
                assert!(near(&alone, vector), "{name}: {user}");
            }
        }
    }

    #[test]
    fn threads_share_a_model() {
        let towers = Towers::open(directory("onnx-history")).unwrap();
        let user = json!({"history": ["a", "b"], "age": 30});
        let expected = towers.embed_user(&user).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let towers = towers.clone();
                    for _ in 0..50 {
                        assert_eq!(towers.embed_user(&user).unwrap(), expected);
                    }
                });
            }
        });
    }

    #[test]
    fn a_database_publishes_recalls_and_reopens() {
        let (_kept, path) = twinspire_testkit::directory();
        let towers = Towers::open(directory("onnx-history")).unwrap();
        let db = Database::open(&path).unwrap();
        for item in records("onnx-history", "item") {
            db.items().put(&item).unwrap();
        }
        db.publish("films").towers(towers.clone()).run().unwrap();
        // A fresh item, before the next seal.
        let fresh = json!({"id": "e", "related": ["f", "d"]});
        db.items().put(&fresh).unwrap();
        let user = json!({"history": ["a", "b"], "age": 30});
        let query = towers.embed_user(&user).unwrap();
        let check = |db: &Database| {
            let hits = db.recall("films").user(&user).top(6).unwrap();
            assert_eq!(hits.len(), 6);
            let mut scores: Vec<f32> = Vec::new();
            for item in records("onnx-history", "item").iter().chain([&fresh]) {
                let vector = towers.embed_item(item).unwrap();
                scores.push(query.iter().zip(&vector).map(|(a, b)| a * b).sum());
            }
            scores.sort_by(|a, b| b.total_cmp(a));
            let found: Vec<f32> = hits.iter().map(|hit| hit.score).collect();
            assert!(near(&found, &scores), "{found:?} {scores:?}");
        };
        check(&db);
        assert!(db.check().unwrap().is_clean());
        drop(db);
        check(&Database::open(&path).unwrap());
    }

    #[test]
    fn items_are_embedded_again_if_only_the_onnx_model_changed() {
        let (_kept, path) = twinspire_testkit::directory();
        let db = Database::open(&path).unwrap();
        for item in records("onnx-norms", "item") {
            db.items().put(&item).unwrap();
        }
        db.publish("things")
            .towers(Towers::open(directory("onnx-norms")).unwrap())
            .run()
            .unwrap();
        // The same description and another model of the same shape: that of the users.
        let copy = copy("onnx-norms");
        std::fs::remove_file(copy.path().join("selftest.json")).unwrap();
        std::fs::copy(copy.path().join("user.onnx"), copy.path().join("item.onnx")).unwrap();
        let towers = Towers::open(copy.path()).unwrap();
        db.publish("things").towers(towers.clone()).run().unwrap();
        let user = json!({"x": [1, 2, 3, 4]});
        let hits = db.recall("things").user(&user).exact().top(1).unwrap();
        assert!((hits[0].score - 1.0).abs() < 1e-5, "{:?}", hits[0]);
    }

    #[test]
    fn a_misfit_is_reported_with_name_and_shape() {
        let layer = |side: &'static str| {
            move |description: &mut Value, change: &dyn Fn(&mut Value)| {
                change(&mut description[side]["layers"][0]);
            }
        };
        let (user, item) = (layer("user"), layer("item"));
        for (error, file, place, what) in [
            (
                refused("onnx-history", |d| {
                    d["item"]["features"][1]["limit"] = json!(2);
                    item(d, &|layer| layer["inputs"][1]["width"] = json!(2));
                }),
                "item.onnx",
                "input \"related\"",
                "has shape [batch, 3], should be [batch, 2]",
            ),
            (
                refused("onnx-history", |d| {
                    user(d, &|layer| layer["inputs"][0]["width"] = json!(4));
                }),
                "tower.json",
                "user layer 0",
                "take 5 numbers together, but it reads 6",
            ),
            (
                refused("onnx-mlp", |d| {
                    let flag = &mut d["user"]["features"][0]["missing_flag"];
                    *flag = json!(false);
                }),
                "user.onnx",
                "inputs",
                "take 3 numbers together (\"x\" 3), but user layer 0 reads 2",
            ),
            (
                refused("onnx-history", |d| {
                    user(d, &|layer| layer["inputs"][0]["name"] = json!("ids"));
                }),
                "user.onnx",
                "input \"ids\"",
                "does not exist; the model has \"history\", \"age\"",
            ),
            (
                refused("onnx-history", |d| {
                    d["user"]["features"].as_array_mut().unwrap().pop();
                    user(d, &|layer| {
                        layer["inputs"].as_array_mut().unwrap().pop();
                    });
                }),
                "user.onnx",
                "input \"age\"",
                "is not among the inputs of its layer",
            ),
            (
                refused("onnx-history", |d| {
                    user(d, &|layer| {
                        layer.as_object_mut().unwrap().remove("inputs");
                    });
                }),
                "user.onnx",
                "input \"history\"",
                "has shape [batch, length]",
            ),
            (
                refused("onnx-mlp", |d| {
                    d["dimension"] = json!(6);
                    user(d, &|layer| layer["units"] = json!(6));
                    item(d, &|layer| layer["units"] = json!(6));
                }),
                "user.onnx",
                "output \"vector\"",
                "has shape [batch, 8], should be [batch, 6]",
            ),
            (
                refused("onnx-between", |d| {
                    let layer = d["user"]["layers"][1].as_object_mut().unwrap();
                    layer.remove("output");
                }),
                "user.onnx",
                "outputs",
                "are 2 (\"logits\", \"shares\")",
            ),
            (
                refused("onnx-between", |d| {
                    d["user"]["layers"][1]["output"] = json!("scores");
                }),
                "user.onnx",
                "output \"scores\"",
                "does not exist",
            ),
            (
                refused("onnx-between", |d| {
                    let layers = d["user"]["layers"].as_array_mut().unwrap();
                    let mut second = layers[1].clone();
                    second["name"] = json!("again");
                    layers.insert(2, second);
                }),
                "tower.json",
                "user layer 2",
                "one ONNX model at most",
            ),
        ] {
            let right = error.file == file
                && error.place == place
                && error.fault.to_string().contains(what);
            assert!(right, "{error}");
        }
    }

    #[test]
    fn missing_truncated_and_garbage_files_are_refused() {
        let copy = copy("onnx-mlp");
        let whole = std::fs::read(copy.path().join("user.onnx")).unwrap();
        let with = |bytes: &[u8]| {
            write_file(copy.path(), "user.onnx", bytes);
            let error = open_error(&copy);
            assert_eq!(error.file, "user.onnx");
            error.to_string()
        };
        for length in (0..whole.len()).step_by(7) {
            with(&whole[..length]);
        }
        assert!(with(b"").contains("is not an ONNX model"));
        assert!(with(&[0xff; 200]).contains("is not an ONNX model"));
        assert!(with(b"RTEN and more").contains("is not an ONNX model"));
        std::fs::remove_file(copy.path().join("user.onnx")).unwrap();
        assert!(open_error(&copy).fault.to_string().contains("is missing"));
        // A model that no layer runs.
        let copy = super::copy("onnx-between");
        write_file(copy.path(), "item.onnx", whole);
        assert!(
            open_error(&copy)
                .fault
                .to_string()
                .contains("no layer of tower.json runs it")
        );
    }

    #[test]
    fn records_that_a_model_cannot_process_are_errors() {
        let towers = Towers::open(directory("onnx-ids")).unwrap();
        // A number that exceeds the input type; the error names the right user.
        let user = |age: f64| json!({"age": age, "hour": 3, "country": "GB"});
        let mut vectors = Vec::new();
        let users = [user(40.0), user(1e300)];
        assert!(towers.embed_users_into(&users, &mut vectors).is_err());
        // An id that is in the feature's table but not in the model.
        let copy = copy("onnx-ids");
        change_description(&copy, |d| {
            d["tables"]["hours"]["lookup"] = json!({"index": {"rows": 99}});
        });
        let towers = Towers::open(copy.path()).unwrap();
        let users = [
            json!({"age": 4, "hour": 3, "country": "GB"}),
            json!({"age": 4, "hour": 98, "country": "GB"}),
        ];
        let error = towers.embed_users_into(&users, &mut vectors).unwrap_err();
        let TowersError::User {
            at: Some(1),
            source,
        } = error
        else {
            panic!("{error:?}")
        };
        assert!(
            source.to_string().contains("user.onnx cannot be run"),
            "{source}"
        );
        assert!(vectors.is_empty());
        towers.embed_user(&users[0]).unwrap();
        // A fraction for an input of integers.
        let copy = super::copy("onnx-ids");
        change_description(&copy, |d| {
            d["user"]["features"][1] = json!({"kind": "number", "field": "hour"});
        });
        let towers = Towers::open(copy.path()).unwrap();
        let user = json!({"age": 4, "hour": 2.5, "country": "GB"});
        let error = towers.embed_user(&user).unwrap_err();
        let TowersError::User { source, .. } = error else {
            panic!("{error:?}")
        };
        let text = source.to_string();
        assert!(
            text.contains("input \"hour\" takes integers of 32 bits, not 2.5"),
            "{text}"
        );
    }
}
