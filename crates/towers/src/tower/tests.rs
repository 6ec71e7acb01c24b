use super::encode::Reading;
use super::error::EmbedError;
use super::files::{DESCRIPTION, NamedBlob, aligned};
use super::layer::{Layer, Step};
use super::lookup::Lookup;
use super::model::Model;
use super::model::{Table, Tower};
use super::schema::{Activation, Schema};
use super::side::Side;
use ndarray::Array2;
use proptest::prelude::*;
use serde_json::{Value, json};
use twinspire_core::files::Blob;

fn schema() -> Value {
    json!({
        "format": 1, "name": "small", "dimension": 2, "metric": "cosine",
        "tables": {
            "item": {"dimension": 2, "lookup": {"vocabulary": {"ids": ["a", "b", "c"]}}},
            "word": {"dimension": 2, "lookup": {"hash": {"buckets": 7, "seed": 3}}}
        },
        "user": {
            "features": [
                {"kind": "ids", "field": "history", "table": "item", "pooling": "mean", "limit": 2},
                {"kind": "number", "field": "age", "mean": 30.0, "deviation": 10.0, "missing": "zero"}
            ],
            "layers": [{"kind": "dense", "units": 2, "activation": "relu"}, {"kind": "l2_normalise"}]
        },
        "item": {
            "features": [
                {"kind": "id", "field": "id", "table": "item"},
                {"kind": "text", "field": "title", "table": "word", "pooling": "sum", "missing": "zero"}
            ],
            "layers": [{"kind": "dense", "units": 2}]
        }
    })
}

/// A model of the schema with small, different weights.
fn model() -> Model {
    let schema = Schema::parse(schema().to_string().as_bytes()).unwrap();
    let mut next = 0.0f32;
    let mut matrix = |rows: usize, columns: usize| {
        Array2::from_shape_simple_fn((rows, columns), || {
            next += 1.0;
            (next * 0.7).sin()
        })
    };
    let tables = schema
        .tables
        .iter()
        .map(|(name, table)| {
            let lookup = Lookup::new(name, &table.lookup).unwrap();
            let weights = matrix(lookup.rows(), table.dimension.unwrap() as usize).into();
            Table {
                name: name.clone(),
                lookup,
                weights,
            }
        })
        .collect();
    let layer = |from: usize, step| Layer {
        from: vec![from],
        width: 2,
        step,
    };
    let mut dense = |inputs: usize, activation| {
        let step = Step::Dense {
            weight: matrix(2, inputs).into(),
            bias: Some(vec![0.3, 0.2]),
            activation,
        };
        layer(0, step)
    };
    let user = dense(3, Activation::Relu);
    let item = vec![dense(4, Activation::Linear)];
    let user = vec![user, layer(1, Step::L2Normalise)];
    let assembled = Model::assemble::<()>(schema, tables, |side, description, schema, _| {
        let layers = if side == Side::User { &user } else { &item };
        Ok(Tower::new(
            side,
            description,
            Vec::new(),
            layers.clone(),
            schema,
        ))
    });
    assembled.unwrap()
}

fn blob(bytes: &[u8]) -> std::sync::Arc<Blob> {
    Blob::from_bytes(bytes).into()
}

fn bytes(parts: &[NamedBlob]) -> Vec<(&str, &[u8])> {
    let parts = parts.iter();
    parts
        .map(|(name, blob)| (name.as_str(), &***blob))
        .collect()
}

fn refused(model: &Model, side: Side, record: Value) -> String {
    match model.embed(side, &record, Reading::default()) {
        Err(EmbedError::Features(error)) => error.to_string(),
        other => panic!("{record}: {other:?}"),
    }
}

#[test]
fn a_vector_equals_the_one_computed_by_hand() {
    let model = model();
    let item: Vec<f32> = model.tables[0].weights.weights().iter().collect();
    // The newest two of the history, b and c, and an age one deviation above the mean.
    let input = [
        f32::midpoint(item[2], item[4]),
        f32::midpoint(item[3], item[5]),
        1.0,
    ];
    let Step::Dense {
        weight,
        bias: Some(bias),
        ..
    } = &model.user.layers[0].step
    else {
        panic!()
    };
    let weight: Vec<f32> = weight.weights().iter().collect();
    let sum = |unit: usize| -> f32 {
        let products = input
            .iter()
            .enumerate()
            .map(|(at, x)| weight[unit * 3 + at] * x);
        (products.sum::<f32>() + bias[unit]).max(0.0)
    };
    let (x, y) = (sum(0), sum(1));
    let length = (x * x + y * y).sqrt();
    let user = json!({"history": ["a", "b", "c"], "age": 40});
    let vector = model.embed(Side::User, &user, Reading::default()).unwrap();
    assert!((vector[0] - x / length).abs() < 1e-6 && (vector[1] - y / length).abs() < 1e-6);
}

#[test]
fn one_record_and_a_batch_give_the_same_vectors() {
    let model = model();
    let records: Vec<_> = ["a", "b", "c"]
        .map(|id| json!({"id": id, "title": format!("The {id} of it"), "price": 3}))
        .to_vec();
    let many = model
        .embed_many(Side::Item, &records, Reading::default())
        .unwrap();
    for (record, row) in records.iter().zip(many.chunks(2)) {
        let one = model.embed(Side::Item, record, Reading::default()).unwrap();
        assert_eq!(one, row, "to the bit");
    }
    let bad = [json!({"id": "a"}), json!({"id": "zz"})];
    assert_eq!(
        model
            .embed_many(Side::Item, &bad, Reading::default())
            .unwrap_err()
            .0,
        1
    );
}

#[test]
fn a_model_round_trips_through_its_files() {
    let model = model();
    let parts = model.to_parts().unwrap();
    let names: Vec<_> = parts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            DESCRIPTION,
            "shared.safetensors",
            "user.safetensors",
            "item.safetensors"
        ]
    );
    let again = Model::from_parts(&parts).unwrap();
    assert_eq!(bytes(&again.to_parts().unwrap()), bytes(&parts));
    assert_eq!(again.parameters(), 6 + 14 + 8 + 10);
}

#[test]
fn weights_are_read_at_any_alignment() {
    let model = model();
    let parts = model.to_parts().unwrap();
    let user = json!({"history": ["a", "b"], "age": 7});
    let vector = model.embed(Side::User, &user, Reading::default()).unwrap();
    for spaces in 0..9 {
        let parts = parts.iter().map(|(name, content)| {
            let mut bytes = content.to_vec();
            if name != DESCRIPTION {
                let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
                bytes[..8].copy_from_slice(&(header + spaces).to_le_bytes());
                let end = 8 + header as usize;
                bytes.splice(end..end, vec![b' '; spaces as usize]);
            }
            (name.clone(), bytes)
        });
        let parts: Vec<_> = parts.collect();
        let odd = parts
            .iter()
            .map(|(name, bytes)| (name.clone(), blob(bytes)));
        let odd: Vec<_> = odd.collect();
        let found = Model::from_parts(&odd).unwrap();
        assert_eq!(
            found.embed(Side::User, &user, Reading::default()).unwrap(),
            vector
        );
        // When read from a directory, the data starts on a cache line.
        for (name, bytes) in parts.into_iter().filter(|(name, _)| name != DESCRIPTION) {
            let bytes = aligned(bytes);
            let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
            assert_eq!((8 + header) % 64, 0, "{name}");
        }
    }
}

#[test]
fn unreadable_features_are_refused_by_name() {
    let model = model();
    let user = |record| refused(&model, Side::User, record);
    assert!(user(json!([1])).contains("a JSON object of the user's features"));
    assert!(user(json!({"age": 3})).contains("field `history`: expected a list"));
    assert!(user(json!({"history": null})).contains("no such field"));
    assert!(user(json!({"history": "a"})).contains("a string (\"a\")"));
    assert!(user(json!({"history": ["a", 1.5]})).contains("a number (1.5)"));
    assert!(user(json!({"history": ["q"]})).contains("vocabulary of table `item`"));
    assert!(user(json!({"history": [], "age": "old"})).contains("a finite number"));
    let typo = user(json!({"history": [], "aeg": 3}));
    assert!(
        typo.contains("field `aeg`") && typo.contains("age, history"),
        "{typo}"
    );
    assert!(
        model
            .embed(
                Side::Item,
                &json!({"id": "a", "price": 3}),
                Reading::default()
            )
            .is_ok()
    );
}

#[test]
fn the_element_of_a_list_that_cannot_be_read_is_named() {
    let schema = json!({
        "format": 1, "name": "v", "dimension": 3, "metric": "l2", "tables": {},
        "user": {"features": [{"kind": "vector", "field": "v", "dimension": 3}], "layers": []}
    });
    let files = [("tower.json".to_owned(), blob(schema.to_string().as_bytes()))];
    let model = Model::from_parts(&files).unwrap();
    for (value, says) in [
        (
            json!([1, null, 3]),
            "found a list of 3 with null at place 1, from 0",
        ),
        (
            json!([1, 2, "x"]),
            "found a list of 3 with a string (\"x\") at place 2, from 0",
        ),
        (
            json!([1e300, 2, 3]),
            "found a list of 3 with a number (1e+300) at place 0, from 0",
        ),
        (
            json!([1, 2]),
            "expected a list of 3 numbers, found a list of 2",
        ),
    ] {
        let error = refused(&model, Side::User, json!({"v": value}));
        assert!(error.ends_with(says), "{error}");
    }
}

#[test]
fn a_shown_embedding_has_the_vector_and_the_numbers_of_each_feature() {
    let model = model();
    let record = json!({"history": ["b", "c"], "age": 40});
    let shown = model
        .embed_shown(Side::User, &record, Reading::default())
        .unwrap();
    assert_eq!(
        shown.vector,
        model
            .embed(Side::User, &record, Reading::default())
            .unwrap()
    );
    let [history, age] = &shown.features[..] else {
        panic!("two features");
    };
    assert_eq!(
        (&*history.kind, &*history.fields, &*history.rows),
        ("ids", &["history".to_owned()][..], &[1, 2][..])
    );
    assert_eq!(history.numbers.len(), 2);
    assert_eq!((&*age.kind, &*age.numbers), ("number", &[1.0][..]));
    let default = model.embed_shown(Side::User, &json!({"history": []}), Reading::default());
    assert_eq!(default.unwrap().features[1].numbers, [0.0]);
}

#[test]
fn a_self_test_names_the_feature_that_is_read_in_another_way() {
    let model = model();
    let record = json!({"history": ["a"], "age": 45});
    let vector = model
        .embed(Side::User, &record, Reading::default())
        .unwrap();
    let test = |features: Value| {
        let case = json!({"record": record, "vector": vector, "features": features});
        let file = json!({"user": [case]}).to_string();
        let parts = [("selftest.json".to_owned(), blob(file.as_bytes()))];
        model.self_test(&parts).map_err(|error| error.to_string())
    };
    assert!(test(json!({})).is_ok() && test(json!({"age": [1.5]})).is_ok());
    let wrong = test(json!({"age": [4.5]})).unwrap_err();
    assert!(
        wrong.contains("user case 0: feature `age` gives 1.5 at component 0, should be 4.5"),
        "{wrong}"
    );
    let unknown = test(json!({"aeg": [1.5]})).unwrap_err();
    assert!(
        unknown.contains("feature `aeg` gives 0 numbers, the self-test expects 1"),
        "{unknown}"
    );
}

#[test]
fn fields_of_other_towers_are_not_refused() {
    let model = model();
    let record = json!({"history": [], "query": "red", "aeg": 3});
    let embed = |others: &dyn Fn(&str) -> bool| {
        let reading = Reading {
            others: Some(others),
            ..Reading::default()
        };
        model.embed(Side::User, &record, reading)
    };
    assert!(embed(&|field| ["query", "aeg"].contains(&field)).is_ok());
    let refused = embed(&|field| field == "query").unwrap_err();
    assert!(refused.to_string().contains("field `aeg`"), "{refused}");
    assert!(model.reads(Side::User, "age") && !model.reads(Side::User, "title"));
}

#[test]
fn an_invalid_schema_is_refused_with_the_place() {
    for (path, value, place, what) in [
        ("/format", json!(2), "format", "reads 1"),
        ("/dimension", json!(0), "dimension", "between 1"),
        ("/dimension", json!(4097), "dimension", "between 1 and 4096"),
        ("/dimension", json!(3), "user layers", "gives 2 components"),
        ("/user/features", json!([]), "user features", "none"),
        (
            "/user/features/0/table",
            json!("items"),
            "user feature 0",
            "no table",
        ),
        (
            "/user/features/0/limit",
            json!(0),
            "user feature 0",
            "limit",
        ),
        (
            "/user/features/1/deviation",
            json!(0.0),
            "user feature 1",
            "above 0",
        ),
        (
            "/tables/word/lookup/hash/buckets",
            json!(0),
            "table \"word\"",
            "bucket",
        ),
        (
            "/tables/item/lookup/vocabulary/ids",
            json!(["a", "a"]),
            "table \"item\"",
            "twice",
        ),
        (
            "/user/features/0/pooling",
            json!("median"),
            "line 1",
            "median",
        ),
        ("/user/features/0/pool", json!("mean"), "line 1", "pool"),
    ] {
        let mut changed = schema();
        let (parent, key) = path.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[match key.parse::<usize>() {
            Ok(_) => panic!(),
            Err(_) => key,
        }] = value;
        let mut parts = model().to_parts().unwrap();
        parts[0].1 = blob(changed.to_string().as_bytes());
        let error = Model::from_parts(&parts).unwrap_err();
        assert_eq!(error.file, DESCRIPTION);
        assert!(
            error.place.contains(place) && error.fault.to_string().contains(what),
            "{path}: {error}"
        );
    }
}

#[test]
fn a_small_description_cannot_request_much_memory() {
    let mut large = schema();
    large["user"]["features"] = json!([{"kind": "vector", "field": "x", "dimension": 65_536}]);
    large["user"]["layers"] = vec![json!({"kind": "activation", "activation": "relu"}); 16].into();
    let error = Schema::parse(large.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.place, "user layer 15", "{error}");
    assert!(
        error.fault.to_string().contains("more than 1048576"),
        "{error}"
    );
}

#[test]
fn weights_that_do_not_match_the_schema_are_refused_with_the_tensor() {
    let parts = model().to_parts().unwrap();
    let without = |name: &str| -> Vec<NamedBlob> {
        parts
            .iter()
            .filter(|(part, _)| part != name)
            .cloned()
            .collect()
    };
    let error = Model::from_parts(&without("user.safetensors")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("user.safetensors: file: is missing"),
        "{error}"
    );
    assert!(Model::from_parts(&without(DESCRIPTION)).is_err());

    let swap = |change: &dyn Fn(&mut Model)| {
        let mut other = model();
        change(&mut other);
        let mut mixed = other.to_parts().unwrap();
        mixed[0] = parts[0].clone();
        Model::from_parts(&mixed).unwrap_err().to_string()
    };
    let shape = swap(&|m| m.tables[1].weights = Array2::zeros((6, 2)).into());
    assert!(
        shape.contains("has shape [6, 2], the schema asks for [7, 2]"),
        "{shape}"
    );
    let mut other = model();
    other.tables[0].weights.owned_mut().unwrap()[[1, 1]] = f32::NAN;
    let read = Model::from_parts(&other.to_parts().unwrap()).unwrap();
    let nan = read.check_finite().unwrap_err().to_string();
    assert!(
        nan.contains("\"table.item\": component 3 is not a finite number"),
        "{nan}"
    );
    let extra = swap(&|m| m.item.layers.push(m.user.layers[0].clone()));
    assert!(
        extra.contains("layer.1.bias\": is not described"),
        "{extra}"
    );
}

#[test]
fn a_zero_vector_is_refused_under_cosine() {
    let mut model = model();
    if let Step::Dense { weight, bias, .. } = &mut model.user.layers[0].step {
        weight.owned_mut().unwrap().fill(0.0);
        *bias = None;
    }
    let user = json!({"history": []});
    assert!(matches!(
        model.embed(Side::User, &user, Reading::default()),
        Err(EmbedError::Output(_))
    ));
}

proptest! {
    #[test]
    fn damaged_files_are_errors_or_models_never_panics(
        file in 0usize..4, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()
    ) {
        let mut parts = model().to_parts().unwrap();
        let mut bytes = parts[file].1.to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] = byte }
        parts[file].1 = blob(&bytes);
        if let Ok(model) = Model::from_parts(&parts) {
            let _ = model.embed(Side::User, &json!({"history": ["a"], "age": 1}), Reading::default());
        }
    }
}
