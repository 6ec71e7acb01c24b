use super::columns::{field_names, text_fields};
use super::draft::{Draft, Features, Widths};
use super::lookup::hashed;
use super::overrides::Overrides;
use super::unread::Unread;
use crate::error::TrainError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use twinspire_towers::internals::Side;
use twinspire_towers::internals::schema::{FeatureSchema, LayerSchema, LookupSchema, TowerSchema};

fn widths() -> Widths {
    Widths {
        category: 3,
        text: 5,
        words: 0,
        buckets: 64,
    }
}

fn records() -> Vec<Value> {
    let record = |n: usize| {
        let tag = ["a", "b"][n % 2];
        json!({
            "id": format!("i{n}"), "title": format!("thing {n}"), "year": 1980 + n,
            "tags": [tag, "all"], "link": format!("http://x/{n}"),
            "at": {"lat": 47.0, "lon": n}, "same": 7, "note": format!("note of {n}"),
        })
    };
    (0..40).map(record).collect()
}

/// The derived features, by field, and the tables.
fn read(said: Value) -> Result<(BTreeMap<String, Value>, Value), String> {
    let overrides: Overrides = serde_json::from_value(json!({ "item": said })).unwrap();
    let mut draft = Draft::new(&overrides, widths());
    let features = draft.features(Side::Item, &records(), &["id"]);
    let features = features.map_err(|error| error.to_string())?;
    let named = features.read.iter();
    let named = named.map(|feature| (feature.field().to_owned(), json!(feature)));
    Ok((named.collect(), json!(draft.tables)))
}

#[test]
fn features_are_derived_from_columns() {
    let (read, tables) = read(json!({})).unwrap();
    let kinds: Vec<_> = read
        .iter()
        .map(|(field, f)| (field.as_str(), f["kind"].clone()))
        .collect();
    let expected = [
        ("at", "geo"),
        ("tags", "categories"),
        ("title", "text"),
        ("year", "number"),
    ];
    assert_eq!(kinds, expected.map(|(field, kind)| (field, json!(kind))));
    assert_eq!(read["year"]["mean"], 1999.5);
    assert_eq!(read["title"]["table"], "item.title");
    assert_eq!(
        tables["item.title"],
        json!({"dimension": 5, "lookup": hashed(64)})
    );
    let tags = &tables["item.tags"]["lookup"]["vocabulary"];
    assert_eq!(
        (&tags["ids"], &tags["unknown"]),
        (&json!(["a", "all", "b"]), &json!("skip"))
    );
}

#[test]
fn overrides_take_precedence_over_derived_features() {
    let (read, tables) = read(json!({"fields": {
        "at": "drop",
        "tags": "keep",
        "note": "text",
        "link": "id",
        "year": {"kind": "buckets", "boundaries": [1990, 2000]},
        "title": {"grams": {"words": [1, 2]}, "table": {"dimension": 9}}
    }}))
    .unwrap();
    assert!(!read.contains_key("at"));
    assert_eq!(read["tags"]["kind"], "categories");
    assert_eq!(read["note"]["kind"], "text");
    assert_eq!(
        read["link"],
        json!({"kind": "id", "field": "link", "table": "item.link",
        "missing": "zero"})
    );
    assert_eq!(read["year"]["boundaries"], json!([1990.0, 2000.0]));
    assert_eq!(read["title"]["grams"], json!({"words": [1, 2]}));
    assert_eq!(
        tables["item.title"],
        json!({"dimension": 9, "lookup": hashed(64)})
    );
    let (read, _) = self::read(json!({"fields": {"*": "drop", "year": "keep"}})).unwrap();
    assert_eq!(read.keys().collect::<Vec<_>>(), ["year"]);
}

#[test]
fn invalid_overrides_are_rejected_by_name() {
    for (said, expected) in [
        (
            json!({"tilte": "drop"}),
            "item field \"tilte\": no record has this field",
        ),
        (
            json!({"id": "drop"}),
            "item field \"id\": the recipe reads this field itself",
        ),
        (
            json!({"year": 3}),
            "item field \"year\": expected \"drop\", \"keep\"",
        ),
        (json!({"link": {"missing": "zero"}}), "add a `kind`"),
        (
            json!({"year": "colour"}),
            "item field \"year\": unknown variant `colour`",
        ),
        (
            json!({"year": {"clap": [0, 1]}}),
            "item field \"year\": unknown field `clap`",
        ),
        (
            json!({"title": {"table": {"rows": 3}}}),
            "unknown field `rows`",
        ),
        (
            json!({"title": {"table": 3}}),
            "its table must be the name of a table or an object",
        ),
    ] {
        let error = read(json!({ "fields": said })).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn layers_can_be_overridden_and_need_a_gradient() {
    let finish = |layers: Value| {
        let overrides = json!({"item": {"layers": layers}});
        let overrides: Overrides = serde_json::from_value(overrides).unwrap();
        let mut draft = Draft::new(&overrides, widths());
        let mut tower = |side| {
            let read = draft.features(side, &records(), &["id"]).unwrap().read;
            let layers = json!([{"kind": "dense", "units": 4}]);
            let layers = draft.layers(side, serde_json::from_value(layers).unwrap())?;
            Ok::<_, TrainError>(TowerSchema {
                features: read,
                layers,
                other_fields: None,
            })
        };
        let (user, item) = (tower(Side::User)?, tower(Side::Item)?);
        draft.finish("x", 4, user, item)
    };
    let says = |layers: Value| finish(layers).unwrap_err().to_string();
    let schema = finish(json!([{"kind": "dense", "units": 4, "activation": "tanh"}])).unwrap();
    assert_eq!(json!(schema.item)["layers"][0]["activation"], "tanh");
    assert!(says(json!([{"kind": "dense"}])).contains("item layer 0: missing field `units`"));
    assert!(says(json!([{"kind": "dense", "units": 3}])).contains("gives 3 components"));
    for (layers, expected) in [
        (
            json!([{"kind": "dense", "units": 4}, {"kind": "batch_norm"}]),
            "item layer 1 cannot be",
        ),
        (
            json!([{"kind": "feature_weights", "units": 2}, {"kind": "dense", "units": 4}]),
            "feature weights are not implemented in training",
        ),
        (
            json!([{"kind": "onnx", "units": 4}]),
            "item layer 0 cannot be trained: ONNX models",
        ),
    ] {
        let error = says(layers);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_schema_extends_an_earlier_one() {
    use super::extend::extend;
    let overrides = |text: &str| serde_json::from_str::<Overrides>(text).unwrap();
    let draft = |users: Value, items: Value, overrides: &Overrides| {
        let (users, items) = (users.as_array().unwrap(), items.as_array().unwrap());
        let mut draft = Draft::new(overrides, widths());
        let tower = |features: Features| TowerSchema {
            features: features.read,
            layers: vec![LayerSchema::of(
                twinspire_towers::internals::schema::LayerKind::Dense {
                    units: 2,
                    activation: twinspire_towers::internals::schema::Activation::Linear,
                    bias: true,
                },
            )],
            other_fields: None,
        };
        let user = tower(draft.features(Side::User, users, &[]).unwrap());
        let item = tower(draft.features(Side::Item, items, &["id"]).unwrap());
        draft.finish("x", 2, user, item).unwrap()
    };
    let none = Overrides::default();
    let items =
        json!([{"id": "1", "kind": "a"}, {"id": "2", "kind": "b"}, {"id": "3", "kind": "a"}]);
    let before = draft(
        json!([{"age": 20, "city": "x"}, {"age": 40, "city": "x"}]),
        items,
        &none,
    );
    // Other ages, no city, a kind more and one less.
    let items = json!([{"id": "4", "kind": "c"}, {"id": "5", "kind": "b"}]);
    let now = draft(json!([{"age": 1}, {"age": 2}]), items.clone(), &none);
    assert_ne!(now.user, before.user);
    let next = extend(now, &before, &none, &[]).unwrap();
    assert_eq!(next.user, before.user);
    let LookupSchema::Vocabulary { ids, .. } = &next.tables["item.kind"].lookup else {
        panic!("a vocabulary");
    };
    assert_eq!(ids, &["a", "b", "c"]);
    assert_eq!(next.tables["user.city"], before.tables["user.city"]);
    // What is said counts, and a field that is new is read; both are told when weights are taken over.
    let said = overrides(r#"{"user": {"fields": {"city": "drop"}}}"#);
    let users = json!([{"age": 1, "city": "x", "zip": "7"}, {"age": 2, "city": "x", "zip": "7"}]);
    let next = extend(draft(users, items, &said), &before, &said, &[]).unwrap();
    let fields: Vec<_> = next
        .user
        .iter()
        .flat_map(|tower| &tower.features)
        .map(FeatureSchema::field)
        .collect();
    assert_eq!(fields, ["age", "zip"]);
    assert!(!next.tables.contains_key("user.city"));
}

#[test]
fn text_fields_are_found_by_name_or_else_by_their_values() {
    let mut records = records();
    // A note is of three words, one of which is a number.
    assert_eq!(text_fields(&records, "id"), ["title"]);
    for (n, record) in records.iter_mut().enumerate() {
        record["body"] = json!(format!("body {n}"));
        record["name"] = json!(n);
        if n % 4 == 1 {
            record["body"] = json!(1984);
        }
    }
    assert_eq!(text_fields(&records, "id"), ["title", "body"]);
    for (n, record) in records.iter_mut().enumerate() {
        let record = record.as_object_mut().unwrap();
        record.remove("title");
        record.remove("body");
        record["id"] = json!(format!("an id of words {n}"));
        record["note"] = json!(format!("a note of {n}"));
        if n % 2 == 1 {
            record["note"] = Value::Null;
        }
    }
    assert_eq!(text_fields(&records, "id"), ["note"]);
    assert_eq!(text_fields(&records, "other"), ["id", "note"]);
    for (n, record) in records.iter_mut().enumerate() {
        record["note"] = json!(format!("a note of {}", n % 9));
    }
    assert!(text_fields(&records, "id").is_empty());
    assert_eq!(field_names(&records)[..2], ["at", "id"]);
}

/// The kind that each column of items is read as, and the features.
fn kinds(records: &[Value]) -> BTreeMap<String, Value> {
    let overrides = Overrides::default();
    let mut draft = Draft::new(&overrides, widths());
    let features = draft.features(Side::Item, records, &["id"]).unwrap();
    let read = features.read.iter();
    read.map(|feature| (feature.field().to_owned(), json!(feature)))
        .collect()
}

#[test]
fn booleans_integer_lists_and_times_are_read() {
    let record = |n: usize| {
        json!({
            "id": n.to_string(), "new": n.is_multiple_of(2), "tag_ids": [n % 5, 7], "rare_ids": [n * 3, n * 7],
            "created_at": 1_700_000_000_000_u64 + n as u64 * 86_400_000, "day": format!("2024-01-{:02}", 1 + n % 28),
            "date": 20_240_101 + n, "seller": {"city": "x"}, "weights": [0.5, n], "ragged": vec![0.5; 1 + n % 3], "brand": format!("b{n}"),
        })
    };
    let records: Vec<Value> = (0..60).map(record).collect();
    let read = kinds(&records);
    let found: Vec<_> = read
        .iter()
        .map(|(field, f)| (field.as_str(), f["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("created_at", "age"),
            // Digits of a date are too small to be a time.
            ("date", "number"),
            ("day", "age"),
            ("new", "categories"),
            ("rare_ids", "ids"),
            ("tag_ids", "ids"),
            ("weights", "vector"),
        ]
    );
    assert_eq!(read["weights"]["dimension"], 2);
    assert_eq!(
        read["created_at"]["until"],
        json!(1_700_000_000.0 + 59.0 * 86_400.0)
    );
    let unread = |field: &str| {
        super::columns::columns(&records)[field]
            .column
            .clone()
            .unwrap_err()
    };
    assert_eq!(unread("seller"), Unread::Nested);
    assert_eq!(unread("ragged"), Unread::Floats);
    assert_eq!(unread("brand"), Unread::Distinct { found: 60 });
}

proptest::proptest! {
    /// A column with a few cells of another type is read as its main type, and the cells are counted; with many, it
    /// is unread for that reason.
    #[test]
    fn stray_cells_do_not_hide_a_column(
        main in 0usize..5, stray in 0usize..5, strays in 0usize..30, rows in 100usize..200,
    ) {
        proptest::prop_assume!(main != stray);
        let cell = |kind: usize, n: usize| match kind {
            0 => json!(n % 17),
            1 => json!(["red", "blue", "green"][n % 3]),
            2 => json!(n.is_multiple_of(2)),
            3 => json!([n % 4, n % 3]),
            _ => json!({"lat": 47.0, "lon": n % 90}),
        };
        let record = |n: usize| {
            let kind = if n < strays { stray } else { main };
            json!({"id": n.to_string(), "x": cell(kind, n)})
        };
        let records: Vec<Value> = (0..rows).map(record).collect();
        let profile = super::columns::columns(&records)["x"].clone();
        let few = strays as f64 <= 0.05 * rows as f64;
        let kind = ["number", "categories", "categories", "ids", "geo"][main];
        let read = kinds(&records);
        match few {
            true => {
                proptest::prop_assert_eq!(profile.strays, strays);
                proptest::prop_assert_eq!(&read["x"]["kind"], kind);
                let tolerant = read["x"].get("unreadable") == Some(&json!("missing"));
                proptest::prop_assert_eq!(tolerant, strays > 0);
            }
            false => {
                proptest::prop_assert_eq!(profile.column, Err(Unread::Mixed));
                proptest::prop_assert!(read.is_empty());
            }
        }
    }

    /// Learnt ranges hold the training data and refuse it in another unit.
    #[test]
    fn ranges_are_learnt_from_the_data(least in 1.0..1e9f64, width in 1.0..1e9f64) {
        let values = [least, least + width / 3.0, least + width];
        let records: Vec<Value> = values.iter().map(|x| json!({"x": x})).collect();
        let range = kinds(&records)["x"]["range"].clone();
        let [low, high] = [0, 1].map(|end| range[end].as_f64().unwrap());
        for x in values {
            proptest::prop_assert!(low <= x && x <= high);
        }
        proptest::prop_assert!((least + width) * 1000.0 > high);
    }
}
