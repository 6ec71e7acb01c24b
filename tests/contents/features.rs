//! How strictly the features of a query are checked, and the description of what towers read.
use serde_json::{Value, json};
use std::path::Path;
use twinspire::{Database, Error, FeatureCheck, Towers};
use twinspire_testkit::{directory, tower_fixtures, towers};

const SPACE: &str = "shop";

/// Towers whose user tower has features of several kinds, with limits and defaults.
fn towers(other_fields: Value) -> Towers {
    let tower = |features: Value| json!({"features": features, "layers": []});
    let mut user = tower(json!([
        {"kind": "number", "field": "age", "mean": 40, "deviation": 10, "missing": "zero", "missing_flag": true},
        {"kind": "ids", "field": "history", "table": "items", "limit": 2, "missing": "zero"},
        {"kind": "text", "field": "query", "table": "words", "limit": 3, "missing": {"default": "red"}},
        {"kind": "id", "field": "city", "table": "words"}
    ]));
    if !other_fields.is_null() {
        user["other_fields"] = other_fields;
    }
    let lookup = json!({"hash": {"buckets": 16}});
    let schema = json!({
        "format": 1, "name": "shop", "dimension": 8, "metric": "l2",
        "tables": {
            "items": {"dimension": 2, "lookup": lookup},
            "words": {"dimension": 2, "lookup": lookup}
        },
        "user": user,
        "item": tower(json!([{"kind": "vector", "field": "embedding", "dimension": 8}]))
    });
    let table = |name: &str| {
        let values: Vec<f32> = (0..32).map(|x| x as f32 * 0.25).collect();
        (format!("table.{name}"), vec![16, 2], values)
    };
    let tables = [table("items"), table("words")];
    towers::open(&towers::tower_files(
        &schema,
        &[("user.safetensors", &tables)],
    ))
}

fn database(path: &Path, other_fields: Value) -> Database {
    let db = Database::open(path).unwrap();
    let embedding: Vec<f32> = vec![1.0; 8];
    db.items()
        .put(&json!({"id": "a", "embedding": embedding}))
        .unwrap();
    db.publish(SPACE)
        .towers(towers(other_fields))
        .run()
        .unwrap();
    db
}

/// The score of the only item for a user, or the error.
fn score(db: &Database, user: &Value, check: FeatureCheck) -> Result<f32, String> {
    let recall = db.recall(SPACE).user(user).check_features(check);
    let hits = recall.top(1).map_err(|error| error.to_string())?;
    Ok(hits[0].score)
}

#[test]
fn unread_fields_are_refused_or_ignored_by_check_and_description() {
    use FeatureCheck::{Described, Lenient, Strict};
    let plain = json!({"city": "Rome"});
    let odd = json!({"city": "Rome", "ctiy": "Bonn", "region": "west"});
    for (other_fields, passes) in [
        (Value::Null, [false, false, true]),
        (json!("error"), [false, false, true]),
        (json!("ignore"), [true, true, true]),
        (json!({"allow": ["region"]}), [false, false, true]),
        (json!({"allow": ["region", "ctiy"]}), [true, true, true]),
    ] {
        let (_dir, path) = directory();
        let db = database(&path, other_fields.clone());
        for (check, passes) in [Described, Strict, Lenient].into_iter().zip(passes) {
            let expected = score(&db, &plain, check).unwrap();
            let found = score(&db, &odd, check);
            match passes {
                true => assert_eq!(found, Ok(expected), "{other_fields} {check:?}"),
                false => assert!(
                    found.unwrap_err().contains("field `ctiy`"),
                    "{other_fields} {check:?}"
                ),
            }
        }
    }
}

#[test]
fn wrong_and_long_values_are_refused_or_read_by_check() {
    use FeatureCheck::{Described, Lenient, Strict};
    let (_dir, path) = directory();
    let db = database(&path, Value::Null);
    let of = |age: Value, history: Value, query: Value, city: Value| json!({"age": age, "history": history, "query": query, "city": city});
    let (history, city) = (json!(["a", "b"]), json!("Rome"));
    let right = of(
        json!(30),
        history.clone(),
        json!("one two three"),
        city.clone(),
    );
    let same = |user: &Value, check: FeatureCheck, like: &Value| {
        assert_eq!(
            score(&db, user, check).unwrap(),
            score(&db, like, Described).unwrap(),
            "{user} {check:?}"
        );
    };
    let refused = |user: &Value, check: FeatureCheck, says: &str| {
        let error = score(&db, user, check).unwrap_err();
        assert!(error.contains(says), "{error}");
    };
    for check in [Described, Strict, Lenient] {
        same(&right, check, &right);
    }
    // Too long: only the newest ids and the first words are read.
    let long = of(
        json!(30),
        json!(["x", "a", "b"]),
        json!("one two three four"),
        city.clone(),
    );
    same(&long, Described, &right);
    same(&long, Lenient, &right);
    refused(
        &long,
        Strict,
        "field `history`: expected at most 2 ids, found 3 ids",
    );
    let words = of(
        json!(30),
        history.clone(),
        json!("one, two; three - four"),
        city.clone(),
    );
    refused(
        &words,
        Strict,
        "field `query`: expected at most 3 words, found 4 words",
    );
    // Of a wrong type: counts as missing, if the feature has a replacement.
    let wrong = of(json!("old"), json!("a"), json!(7), city.clone());
    same(&wrong, Lenient, &json!({"city": "Rome"}));
    refused(&wrong, Described, "field `age`");
    refused(&wrong, Strict, "field `age`");
    let half = of(
        json!(30),
        json!(["a", {"no": "id"}]),
        json!("one"),
        city.clone(),
    );
    same(
        &half,
        Lenient,
        &json!({"age": 30, "query": "one", "city": "Rome"}),
    );
    let city = of(json!(30), history, json!("one"), json!({}));
    refused(&city, Lenient, "field `city`");

    let problems = |user: &Value| -> Vec<String> {
        let found = db.check_user(SPACE, user).unwrap();
        found.iter().map(|problem| problem.field.clone()).collect()
    };
    assert_eq!(problems(&right), Vec::<String>::new());
    assert_eq!(problems(&long), ["history", "query"]);
    assert_eq!(
        problems(&json!({"b": 1, "a": 1, "age": []})),
        ["a", "b", "age", "city"]
    );
    assert_eq!(problems(&json!(7)), [""]);
    assert!(matches!(
        db.check_user("none", &right),
        Err(Error::UnknownSpace { .. })
    ));
}

#[test]
fn the_example_record_of_any_towers_can_be_embedded() {
    let root = tower_fixtures();
    let mut tried = 0;
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if !path.join("tower.json").exists() {
            continue;
        }
        let towers = Towers::open(&path).unwrap();
        let info = towers.describe();
        let (user, item) = (info.user.unwrap(), info.item.unwrap());
        let problems = towers.check_user(&user.example);
        assert_eq!(problems, [], "{}: {}", path.display(), user.example);
        towers.embed_item(&item.example).unwrap();
        let learnt = user.parameters + item.parameters;
        let tables = info.tables.iter().map(|table| table.rows * table.dimension);
        assert_eq!(learnt + tables.sum::<usize>(), info.parameters);
        let features = user.features.iter().map(|feature| feature.parameters);
        let layers = user.layers.iter().map(|layer| layer.parameters);
        assert_eq!(features.chain(layers).sum::<usize>(), user.parameters);
        tried += 1;
    }
    assert!(tried >= 12);
}

#[test]
fn a_database_returns_the_towers_that_it_serves() {
    let (_dir, path) = directory();
    let db = database(&path, Value::Null);
    let (served, given) = (db.towers(SPACE).unwrap(), towers(Value::Null));
    assert_eq!(served.describe(), given.describe());
    assert_eq!(served.hash(), given.hash());
    assert_eq!(db.generations(SPACE).unwrap()[0].towers_hash, given.hash());
    assert_ne!(towers(json!("ignore")).hash(), given.hash());
    assert!(matches!(db.towers("none"), Err(Error::UnknownSpace { .. })));
    let saved = path.with_file_name("saved");
    served.save(&saved).unwrap();
    assert_eq!(Towers::open(&saved).unwrap().hash(), given.hash());
}
