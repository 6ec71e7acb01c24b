//! Ids equal those of the package `tokenizers` (`tests/fixtures/tokenizers_reference.py`), and hostile files are errors.

use super::Tokenizer;
use super::limits::MAX_FILE_BYTES;
use crate::tower::error::TowerError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use twinspire_core::files::Blob;

/// A text with its ids.
#[derive(Deserialize)]
struct Case {
    text: String,
    limit: usize,
    special: bool,
    ids: Vec<u32>,
}

fn fixture(name: &str) -> PathBuf {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tokens");
    PathBuf::from(root).join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name).join("tokenizer.json")).unwrap()
}

fn open(bytes: &[u8]) -> Result<Tokenizer, TowerError> {
    Tokenizer::open(&Arc::new(Blob::from_bytes(bytes)))
}

/// A tokenizer of a fixture after a change.
fn changed(name: &str, change: impl FnOnce(&mut Value)) -> Result<Tokenizer, TowerError> {
    let mut file: Value = serde_json::from_slice(&bytes(name)).unwrap();
    change(&mut file);
    open(file.to_string().as_bytes())
}

fn ids(tokenizer: &Tokenizer, text: &str, limit: usize) -> Vec<u32> {
    let mut ids = Vec::new();
    tokenizer.encode(text, limit, true, &mut ids);
    ids
}

#[test]
fn ids_are_those_of_the_reference() {
    let mut failed = Vec::new();
    for name in [
        "word-piece",
        "word-piece-cased",
        "steps",
        "byte-level",
        "byte-fallback",
        "unigram",
        "precompiled",
    ] {
        let tokenizer = open(&bytes(name)).unwrap();
        let cases = std::fs::read(fixture(name).join("cases.json")).unwrap();
        let cases: Vec<Case> = serde_json::from_slice(&cases).unwrap();
        assert!(cases.len() >= 400);
        let mut wrong = Vec::new();
        for case in &cases {
            // What is there before stays.
            let mut found = vec![7];
            let tokenised = tokenizer.encode(&case.text, case.limit, case.special, &mut found);
            assert_eq!(found.remove(0), 7);
            assert!(found.iter().all(|id| *id < tokenizer.rows()));
            assert!(!tokenised.truncated || found.len() == case.limit);
            if found != case.ids {
                wrong.push((&case.text, case.limit, case.special, found, &case.ids));
            }
        }
        if let Some(first) = wrong.first() {
            failed.push(format!("{name}: {} wrong, {first:?}", wrong.len()));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn truncation_is_reported() {
    let tokenizer = open(&bytes("word-piece")).unwrap();
    let text = "red running shoes for the trail";
    let whole = ids(&tokenizer, text, 100);
    for limit in 0..whole.len() + 2 {
        let mut ids = Vec::new();
        let tokenised = tokenizer.encode(text, limit, true, &mut ids);
        assert_eq!(tokenised.truncated, limit < whole.len(), "{limit}");
        assert_eq!(ids.len(), whole.len().min(limit));
    }
}

#[test]
fn padding_is_that_of_the_file() {
    let pad = |change: fn(&mut Value)| changed("word-piece", change).unwrap().pad();
    assert_eq!(pad(|file| file["padding"]["pad_id"] = json!(9)), 9);
    assert_eq!(pad(|file| file["padding"] = Value::Null), 0);
    let renamed = |file: &mut Value| {
        file["padding"] = Value::Null;
        file["added_tokens"][0]["content"] = json!("<none>");
        let vocabulary = file["model"]["vocab"].as_object_mut().unwrap();
        vocabulary.remove("[PAD]");
        vocabulary.insert("<pad>".to_owned(), json!(11));
    };
    assert_eq!(pad(renamed), 11);
}

#[test]
fn errors_name_what_is_wrong() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &str); 12] = [
        (
            "word-piece",
            |f| f["model"]["type"] = json!("WordLevel"),
            "unknown variant `WordLevel`",
        ),
        (
            "word-piece",
            |f| f["model"]["other"] = json!(1),
            "unknown field `other`",
        ),
        (
            "word-piece",
            |f| f["model"]["unk_token"] = json!("<u>"),
            "the unknown token \"<u>\" is not in it",
        ),
        (
            "word-piece",
            |f| f["model"]["max_input_chars_per_word"] = json!(1u64 << 40),
            "more than 1000",
        ),
        (
            "word-piece",
            |f| f["model"]["vocab"] = json!({}),
            "has 0 tokens",
        ),
        (
            "word-piece",
            |f| f["model"]["vocab"]["the"] = json!(1 << 25),
            "id 33554432, more than 16777216",
        ),
        (
            "word-piece",
            |f| f["added_tokens"][0]["content"] = json!("x".repeat(200)),
            "longer than 128 bytes",
        ),
        (
            "word-piece",
            |f| f["pre_tokenizer"] = json!({"type": "Split", "pattern": {"Regex": "(a+)+$"}}),
            "unknown variant `Split`",
        ),
        (
            "unigram",
            |f| {
                f["normalizer"] =
                    json!({"type": "Replace", "pattern": {"Regex": "(a*)*b"}, "content": ""});
            },
            "the regular expression \"(a*)*b\"",
        ),
        (
            "unigram",
            |f| {
                f["normalizer"] = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "b".repeat(99)});
            },
            "a text of more than 64 bytes",
        ),
        (
            "byte-level",
            |f| f["model"]["dropout"] = json!(0.1),
            "drawn at random",
        ),
        (
            "byte-level",
            |f| f["model"]["merges"] = json!([["a", "nowhere"]]),
            "needs \"nowhere\"",
        ),
    ];
    for (name, change, expected) in cases {
        let error = changed(name, change).unwrap_err();
        assert_eq!(error.file, "tokenizer.json");
        assert!(
            error.to_string().contains(expected),
            "{error}, not {expected}"
        );
    }
    let error = open(b"{").unwrap_err();
    assert!(error.to_string().contains("line 1 column 1"), "{error}");
    let error = open(&vec![b' '; MAX_FILE_BYTES + 1]).unwrap_err();
    assert!(error.to_string().contains("more than 67108864"), "{error}");
}

#[test]
fn nested_steps_do_not_exhaust_the_stack() {
    let nested = |depth: usize| {
        let open = r#"{"type":"Sequence","normalizers":["#.repeat(depth);
        format!("{open}{}", "]}".repeat(depth))
    };
    let file = String::from_utf8(bytes("word-piece")).unwrap();
    let start = file.find("\"normalizer\":").unwrap() + "\"normalizer\":".len();
    let end = file.find(",\"pre_tokenizer\"").unwrap();
    let with = |depth| [&file[..start], &nested(depth), &file[end..]].concat();
    assert!(open(with(10).as_bytes()).is_ok());
    assert!(open(with(100_000).as_bytes()).is_err());
}

/// A step may multiply a text, and many steps do so again.
#[test]
fn hostile_steps_are_bounded_in_time_and_memory() {
    let grow = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "a".repeat(64)});
    let steps = json!({"type": "Sequence", "normalizers": vec![grow; 60]});
    let tokenizer = changed("word-piece", |file| {
        file["normalizer"] = steps;
        let tokens = (1..128).map(|length| {
            json!({"id": 5, "content": "a".repeat(length), "normalized": true,
            "special": false, "single_word": true, "lstrip": true, "rstrip": true})
        });
        file["added_tokens"] = tokens.collect();
    });
    let tokenizer = tokenizer.unwrap();
    let started = Instant::now();
    for text in [
        "a".repeat(1 << 20),
        " ".repeat(1 << 20),
        "\u{300}".repeat(1 << 19),
    ] {
        assert!(ids(&tokenizer, &text, 256).len() <= 256);
    }
    for name in [
        "word-piece",
        "unigram",
        "byte-level",
        "byte-fallback",
        "precompiled",
        "steps",
    ] {
        let tokenizer = open(&bytes(name)).unwrap();
        for text in [
            "a".repeat(1 << 20),
            "\u{300}".repeat(1 << 19),
            ".".repeat(1 << 20),
        ] {
            assert!(ids(&tokenizer, &text, 256).len() <= 256);
        }
    }
    // Seconds in a build for tests; the bound is far below what doubling would take.
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn cut_and_flipped_files_are_errors_or_tokenizers() {
    for name in ["word-piece", "unigram", "byte-level", "precompiled"] {
        let whole = bytes(name);
        for at in (0..whole.len()).step_by(whole.len() / 150) {
            assert!(open(&whole[..at]).is_err());
            for byte in [b'0', b'"', b'{', 0xff, b'9'] {
                let mut flipped = whole.clone();
                flipped[at] = byte;
                if let Ok(tokenizer) = open(&flipped) {
                    let ids = ids(&tokenizer, "Red shoes ﬁ ½ [SEP] 日本", 16);
                    assert!(ids.iter().all(|id| *id < tokenizer.rows()));
                }
            }
        }
    }
}
