//! Encoders of text as towers: vectors equal those of NumPy (`fixtures/tokenizers_reference.py`).
#![cfg(feature = "tokens")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that fails may panic, and changes files from outside"
)]

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use twinspire_towers::{TextTowers, Towers, TowersError};

fn fixture(name: &str) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tokens");
    PathBuf::from(root).join(name)
}

/// Texts with their vectors.
fn cases(name: &str, of: &str) -> Vec<(String, Vec<f32>)> {
    let file = std::fs::read(fixture(name).join("vectors.json")).unwrap();
    let all: Vec<Value> = serde_json::from_slice(&file).unwrap();
    let vector = |case: &Value| serde_json::from_value(case[of].clone()).unwrap();
    let text = |case: &Value| case["text"].as_str().unwrap().to_owned();
    all.iter().map(|case| (text(case), vector(case))).collect()
}

fn assert_near(found: &[f32], expected: &[f32], text: &str) {
    assert_eq!(found.len(), expected.len());
    let near = found
        .iter()
        .zip(expected)
        .all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(near, "{text:?}: {found:?}, not {expected:?}");
}

/// Both towers embed texts as the reference, alone and together.
fn assert_vectors(towers: &Towers, cases: &[(String, Vec<f32>)]) {
    let item = |text: &str| json!({"id": "x", "text": text});
    for (text, expected) in cases {
        let user = towers.embed_user(&json!({"query": text})).unwrap();
        assert_near(&user, expected, text);
        assert_eq!(towers.embed_item(&item(text)).unwrap(), user);
    }
    let items: Vec<Value> = cases.iter().map(|(text, _)| item(text)).collect();
    let mut vectors = Vec::new();
    towers.embed_items_into(&items, &mut vectors).unwrap();
    for ((text, expected), vector) in cases.iter().zip(vectors.chunks(towers.dimension())) {
        assert_near(vector, expected, text);
    }
}

/// A copy of an encoder that a test may change.
fn copy(name: &str) -> tempfile::TempDir {
    fn into(from: &Path, to: &Path) {
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                std::fs::create_dir(&to).unwrap();
                into(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let copy = tempfile::tempdir().unwrap();
    into(&fixture(name), copy.path());
    copy
}

/// Changes a JSON file of a copy.
fn change(copy: &Path, file: &str, change: impl FnOnce(&mut Value)) {
    let path = copy.join(file);
    let mut content: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut content);
    put(&path, content.to_string().as_bytes());
}

fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).unwrap();
}

/// The error of an encoder after a change.
fn refused(copy: &Path) -> String {
    match TextTowers::new().open(copy) {
        Err(TowersError::Invalid { source, .. }) => source.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_static_encoder_gives_the_vectors_of_the_reference() {
    let towers = TextTowers::new().open(fixture("encoder-static")).unwrap();
    assert_eq!((towers.name(), towers.dimension()), ("encoder-static", 6));
    assert_vectors(&towers, &cases("encoder-static", "mean"));
    // No token of the vocabulary is left: there is no vector.
    assert!(towers.embed_user(&json!({"query": "🇩🇪"})).is_err());
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("towers");
    towers.save(&path).unwrap();
    assert_vectors(
        &Towers::open(&path).unwrap(),
        &cases("encoder-static", "mean"),
    );
    for file in ["tower.json", "shared.safetensors", "tokenizer.json"] {
        assert!(path.join(file).exists(), "{file}");
    }
}

#[test]
fn a_table_of_tokens_passes_its_self_test() {
    let towers = Towers::open(fixture("towers-static")).unwrap();
    let test = towers.self_test().unwrap();
    assert!(test.cases >= 50 && test.difference <= 1e-5, "{test:?}");
}

#[test]
fn several_fields_are_one_text() {
    let open = |towers: TextTowers| towers.open(fixture("encoder-static")).unwrap();
    let towers = open(
        TextTowers::new()
            .fields(["title", "text"])
            .query(["q"])
            .name("shop"),
    );
    assert_eq!(towers.name(), "shop");
    let vector = |record: Value| towers.embed_item(&record).unwrap();
    let both = vector(json!({"title": "Red shoes", "text": "for the trail"}));
    assert_eq!(
        both,
        towers
            .embed_user(&json!({"q": "Red shoes for the trail"}))
            .unwrap()
    );
    assert_eq!(
        vector(json!({"text": "the trail"})),
        vector(json!({"title": "the trail"}))
    );
    let error = towers.embed_item(&json!({"other": "x"})).unwrap_err();
    assert!(error.to_string().contains("here or in `text`"), "{error}");
    let short = open(TextTowers::new().max_tokens(3));
    let problems = short.check_user(&json!({"query": "red shoes for the trail in the rain"}));
    assert!(
        problems[0].to_string().contains("at most 3 tokens"),
        "{problems:?}"
    );
    assert!(short.check_user(&json!({"query": "the"})).is_empty());
}

#[test]
fn corrupt_encoders_are_errors_that_name_the_file() {
    let encoder = copy("encoder-static");
    let encoder = encoder.path();
    let file = |name: &str| std::fs::read(encoder.join(name)).unwrap();
    let (tokenizer, weights) = (file("tokenizer.json"), file("model.safetensors"));
    change(encoder, "tokenizer.json", |file| {
        file["model"]["vocab"]["more"] = json!(5000);
    });
    let error = refused(encoder);
    assert!(
        error.contains("table \"token\" has 300 rows, the tokens of tokenizer.json need 5001"),
        "{error}"
    );
    put(&encoder.join("tokenizer.json"), &tokenizer[..99]);
    assert!(refused(encoder).starts_with("tokenizer.json: line 1"));
    put(&encoder.join("tokenizer.json"), &tokenizer);
    put(&encoder.join("model.safetensors"), &weights[..50]);
    assert!(refused(encoder).starts_with("model.safetensors: header"));
    put(&encoder.join("model.safetensors"), &weights);
    put(
        &encoder.join("modules.json"),
        br#"[{"path": "../x", "type": "a.Pooling"}]"#,
    );
    assert!(refused(encoder).contains("leaves the directory"));
    put(
        &encoder.join("modules.json"),
        br#"[{"path": "2_Dense", "type": "a.Dense"}]"#,
    );
    assert!(refused(encoder).contains("\"Dense\", not Transformer"));
    let empty = tempfile::tempdir().unwrap();
    assert!(refused(empty.path()).starts_with("tokenizer.json: file: is missing"));
    let none = TextTowers::new()
        .fields([""; 0])
        .open(fixture("encoder-static"));
    assert!(none.unwrap_err().to_string().contains("lists no field"));
}

#[cfg(not(feature = "onnx"))]
#[test]
fn without_the_feature_onnx_a_transformer_names_it() {
    assert!(refused(&fixture("encoder-bert")).contains("the feature `onnx`"));
}

#[cfg(feature = "onnx")]
mod with_onnx {
    use super::*;

    #[test]
    fn a_transformer_gives_the_vectors_of_the_reference() {
        let towers = TextTowers::new().open(fixture("encoder-bert")).unwrap();
        assert_eq!(towers.dimension(), 8);
        assert_vectors(&towers, &cases("encoder-bert", "mean"));
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("towers");
        towers.save(&path).unwrap();
        let opened = Towers::open(&path).unwrap();
        assert_vectors(&opened, &cases("encoder-bert", "mean"));
        assert_eq!(opened.hash(), towers.hash());
        for file in ["tower.json", "shared.onnx", "tokenizer.json"] {
            assert!(path.join(file).exists(), "{file}");
        }
        // The model is read once for both towers, and each counts it as its own.
        let info = towers.describe();
        let parameters = |tower: &Option<twinspire_towers::TowerInfo>| {
            tower.as_ref().map(|tower| tower.parameters)
        };
        assert_eq!(parameters(&info.user), parameters(&info.item));
    }

    #[test]
    fn a_model_of_tokens_passes_its_self_test() {
        let towers = Towers::open(fixture("towers-onnx")).unwrap();
        let test = towers.self_test().unwrap();
        assert!(test.cases >= 41 && test.difference <= 1e-5, "{test:?}");
    }

    #[test]
    fn outputs_are_pooled_as_the_directory_says() {
        let copy = copy("encoder-bert");
        change(copy.path(), "1_Pooling/config.json", |file| {
            file["pooling_mode_cls_token"] = json!(true);
            file["pooling_mode_mean_tokens"] = json!(false);
        });
        let towers = TextTowers::new().open(copy.path()).unwrap();
        assert_vectors(&towers, &cases("encoder-bert", "first"));
        change(copy.path(), "1_Pooling/config.json", |file| {
            file["pooling_mode_cls_token"] = json!(false);
        });
        assert!(refused(copy.path()).contains("pools neither"));
    }

    #[test]
    fn combined_towers_share_the_model_of_one_encoder() {
        let towers = TextTowers::new().open(fixture("encoder-bert")).unwrap();
        let combined = Towers::combine(&towers, &towers).unwrap();
        let files = combined.describe().files;
        assert!(files.contains_key("shared.onnx") && files.contains_key("tokenizer.json"));
        assert!(!files.contains_key("user.onnx"));
        assert_vectors(&combined, &cases("encoder-bert", "mean"));
        let copy = copy("encoder-bert");
        change(copy.path(), "tokenizer.json", |file| {
            file["version"] = json!("other");
        });
        let other = TextTowers::new().open(copy.path()).unwrap();
        let error = Towers::combine(&towers, &other).unwrap_err();
        assert!(error.to_string().contains("different files"), "{error}");
    }

    #[test]
    fn hostile_settings_are_errors() {
        let copy = copy("encoder-bert");
        let copy = copy.path();
        for (key, value, expected) in [
            (
                "hidden_size",
                json!(1u64 << 40),
                "hidden_size: is 1099511627776",
            ),
            ("hidden_size", json!(9), "does not divide"),
            (
                "num_hidden_layers",
                json!(60),
                "encoder.layer.2.attention.self.query.weight",
            ),
            ("hidden_act", json!("mish"), "hidden_act: is \"mish\""),
            ("vocab_size", json!(7), "has shape"),
            ("model_type", json!("gpt2"), "model_type: is \"gpt2\""),
            (
                "max_position_embeddings",
                json!(3),
                "allows texts of 3 tokens, not 16",
            ),
            (
                "layer_norm_eps",
                json!(-1),
                "layer_norm_eps: is not above 0",
            ),
        ] {
            let mut before = Value::Null;
            change(copy, "config.json", |file| {
                before = std::mem::replace(&mut file[key], value);
            });
            let error = refused(copy);
            assert!(error.contains(expected), "{error}, not {expected}");
            change(copy, "config.json", |file| file[key] = before);
        }
        assert!(TextTowers::new().open(copy).is_ok());
    }
}
