//! Texts of several fields.

use super::{Encoder, FeatureCheck, Reading, Texts};
use crate::tower::encoded::Encoded;
use crate::tower::lookup::Lookup;
use crate::tower::model::{Model, Table, Tower};
use crate::tower::schema::Schema;
use crate::tower::side::Side;
use ndarray::Array2;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Towers whose item tower has one feature, a text.
fn model(feature: &Value) -> Model {
    let schema = json!({
        "format": 1, "name": "texts", "dimension": 1, "metric": "l2",
        "tables": {"grams": {"dimension": 1, "lookup": {"hash": {"buckets": 1 << 20}}}},
        "item": {"features": [feature], "layers": []}
    });
    let schema = Schema::parse(schema.to_string().as_bytes()).unwrap();
    let lookup = Lookup::new("grams", &schema.tables["grams"].lookup).unwrap();
    let table = Table {
        name: "grams".to_owned(),
        weights: Array2::zeros((1, 1)).into(),
        lookup,
    };
    let assembled = Model::assemble::<()>(schema, vec![table], |side, description, schema, _| {
        Ok(Tower::new(
            side,
            description,
            Vec::new(),
            Vec::new(),
            schema,
        ))
    });
    assembled.unwrap()
}

fn text(keys: Value) -> Value {
    let mut feature = json!({"kind": "text", "field": "a", "table": "grams"});
    let all = feature.as_object_mut().unwrap();
    all.extend(keys.as_object().unwrap().clone());
    feature
}

/// The rows of a record's grams, with the factor that all have.
fn read(
    model: &Model,
    record: &Value,
    check: FeatureCheck,
) -> Result<(Vec<u32>, Option<f32>), String> {
    let reading = Reading {
        check,
        ..Reading::default()
    };
    let mut encoder = Encoder {
        tables: &model.tables,
        reading,
        texts: &mut Texts::default(),
    };
    let mut encoded = Encoded::default();
    let tower = model.tower(Side::Item);
    let done = tower.encode(&mut encoder, record, &mut encoded);
    done.map_err(|error| error.to_string())?;
    let input = encoded.inputs().next().unwrap();
    let factor = input.factors.first().copied();
    assert!(input.factors.iter().all(|other| Some(*other) == factor));
    Ok((input.rows.to_vec(), factor))
}

fn sorted(mut rows: Vec<u32>) -> Vec<u32> {
    rows.sort_unstable();
    rows
}

proptest! {
    #[test]
    fn several_texts_are_cut_separately_and_share_one_limit(
        texts in prop::collection::vec(prop::option::of("[a-cΣ ,]{0,12}"), 3),
        grams in prop::sample::select(vec![
            json!("trigrams"), json!({"letters": [1, 4]}), json!({"words": [1, 1]}),
            json!({"words": [1, 3]}), json!({"both": {"letters": [3, 3], "words": [1, 2]}}),
        ]),
        limit in prop::option::of(1usize..6),
    ) {
        let mut keys = json!({"also": ["b", "c"], "grams": grams, "pooling": "sqrtn", "missing": "zero"});
        if let Some(limit) = limit {
            keys["limit"] = json!(limit);
        }
        let record = json!({"a": texts[0], "b": texts[1], "c": texts[2]});
        let (rows, factor) = read(&model(&text(keys)), &record, FeatureCheck::Described).unwrap();

        // Each for itself, by a feature of one field.
        let one = model(&text(json!({"grams": grams})));
        let alone = |words: &[&str]| {
            let record = json!({"a": words.join(" ")});
            read(&one, &record, FeatureCheck::Described).unwrap().0
        };
        let mut left = limit.unwrap_or(usize::MAX);
        let (mut expected, mut words) = (Vec::new(), Vec::new());
        for text in texts.iter().flatten() {
            let of_text = text.split(|c: char| !c.is_alphanumeric());
            let of_text: Vec<&str> = of_text.filter(|word| !word.is_empty()).take(left).collect();
            left -= of_text.len();
            expected.extend(alone(&of_text));
            words.extend(of_text);
        }
        prop_assert_eq!(&rows, &expected);
        let scale = (!rows.is_empty()).then(|| 1.0 / (rows.len() as f32).sqrt());
        prop_assert_eq!(factor, scale);
        // Grams that are of one word each are those of one text of all words.
        if grams != json!({"words": [1, 3]}) && grams.get("both").is_none() {
            prop_assert_eq!(sorted(rows), sorted(alone(&words)));
        }
    }
}

#[test]
fn grams_equal_those_of_the_reference_in_python() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/python/golden.json"
    );
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for case in golden["grams"].as_array().unwrap() {
        let model = model(&text(json!({"grams": case["grams"]})));
        let (rows, _) = read(&model, &json!({"a": case["text"]}), FeatureCheck::Described).unwrap();
        assert_eq!(json!(sorted(rows)), case["rows"], "{case}");
    }
}

#[test]
fn a_text_is_missing_if_all_its_fields_are() {
    use FeatureCheck::{Described, Lenient, Strict};
    let strict = model(&text(json!({"also": ["b", "c"]})));
    let all = read(&strict, &json!({"b": "red", "c": null}), Described).unwrap();
    assert_eq!(all, read(&strict, &json!({"a": "red"}), Described).unwrap());
    let none = read(&strict, &json!({"a": null}), Lenient).unwrap_err();
    assert_eq!(
        none,
        "field `a`: expected a string, here or in `b`, `c`, found no such field"
    );
    let empty = read(&strict, &json!({"c": ""}), Described).unwrap();
    assert_eq!(empty, (Vec::new(), None), "there, and without a word");
    let wrong = read(&strict, &json!({"a": "red", "c": 7}), Described).unwrap_err();
    assert_eq!(wrong, "field `c`: expected a string, found a number (7)");
    let other = read(&strict, &json!({"a": "red", "d": 7}), Strict).unwrap_err();
    assert!(
        other.contains("field `d`: expected only what the item tower reads (a, b, c)"),
        "{other}"
    );

    let defaulted = model(&text(json!({"also": ["b"], "missing": {"default": "red"}})));
    for (record, check, like) in [
        (json!({}), Described, json!({"a": "red"})),
        (json!({"b": "blue"}), Described, json!({"a": "blue"})),
        // One that cannot be read is as one that is missing.
        (json!({"a": 5, "b": "blue"}), Lenient, json!({"a": "blue"})),
        (json!({"a": 5, "b": [1]}), Lenient, json!({"a": "red"})),
    ] {
        let found = read(&defaulted, &record, check).unwrap();
        assert!(!found.0.is_empty());
        assert_eq!(
            found,
            read(&defaulted, &like, Described).unwrap(),
            "{record}"
        );
    }
}

#[test]
fn an_exceeded_limit_is_reported_for_the_field_that_exceeds_it() {
    let texts = model(&text(json!({"also": ["b", "c"], "limit": 4})));
    let strict = |record: Value| read(&texts, &record, FeatureCheck::Strict);
    assert!(strict(json!({"a": "one two", "b": "three", "c": "four"})).is_ok());
    let told = strict(json!({"a": "one two", "b": "three four five", "c": "six"}));
    assert_eq!(
        told.unwrap_err(),
        "field `b`: expected at most 4 words in a, b, c together, found 6 words"
    );
}

#[test]
fn a_text_that_names_a_field_twice_is_refused() {
    for (also, says) in [
        (json!(["b", "b"]), "field \"b\" is read twice"),
        (json!(["b", "a"]), "field \"a\" is read twice"),
        (json!(vec!["x"; 1024]), "of 1024 fields at most"),
        (json!("b"), "invalid type"),
    ] {
        let schema = json!({
            "format": 1, "name": "texts", "dimension": 1, "metric": "l2",
            "tables": {"grams": {"dimension": 1, "lookup": {"hash": {"buckets": 9}}}},
            "item": {"features": [text(json!({"also": also}))], "layers": []}
        });
        let error = Schema::parse(schema.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    // Without further fields the key is left out.
    let one = model(&text(json!({"also": []}))).schema.to_json().unwrap();
    assert!(!String::from_utf8(one).unwrap().contains("also"));
}
