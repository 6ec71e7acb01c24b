//! The fields that filters know and how they compare: integers to 64 bits, long lists, fields kept out of filters.
use serde_json::{Value, json};
use twinspire::{Database, Error, Filter};
use twinspire_testkit::database::ids;
use twinspire_testkit::towers::field_towers;
use twinspire_testkit::{directory, open_without_background};

/// A database of items `a`, `b`, … with these values of a field, published; half of it sealed.
fn with_values(path: &std::path::Path, field: &str, values: &[Value]) -> Database {
    let db = open_without_background(path);
    let record = |(at, value): (usize, &Value)| {
        let id = char::from(b'a' + at as u8).to_string();
        json!({"id": id, "x": at, field: value})
    };
    let records: Vec<Value> = values.iter().enumerate().map(record).collect();
    let (sealed, fresh) = records.split_at(values.len().div_ceil(2));
    db.items().put_many(sealed).unwrap();
    db.publish("space")
        .towers(field_towers("l2", &["x"]))
        .run()
        .unwrap();
    db.items().put_many(fresh).unwrap();
    db
}

/// The ids of the items that pass a filter, sorted.
fn passing(db: &Database, filter: impl Into<Filter>) -> Vec<String> {
    let hits = db.recall("space").vector(&[0.0]).filter(filter).top(100);
    let mut ids = ids(&hits.unwrap());
    ids.sort();
    ids
}

#[test]
fn integers_of_64_bits_are_kept_and_compared_exactly() {
    let (_dir, path) = directory();
    let two_53 = 1u64 << 53;
    let values = [
        json!(two_53),
        json!(two_53 + 1),
        json!(two_53 as f64),
        json!(u64::MAX - 1),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(i64::MIN + 1),
        json!([1, two_53 + 1]),
    ];
    let db = with_values(&path, "seller", &values);
    for seals in [false, true] {
        if seals {
            db.seal().unwrap();
            db.merge().unwrap();
        }
        for (filter, expected) in [
            ("seller = 9007199254740993", "b h"),
            ("seller = 9007199254740992", "a c"),
            ("seller = 9007199254740992.0", "a c"),
            (
                "seller in (9007199254740993, -9223372036854775807)",
                "b g h",
            ),
            ("seller > 9007199254740992", "b d e h"),
            ("seller >= 18446744073709551615", "e"),
            ("seller > 18446744073709551614", "e"),
            ("seller < 1.8446744073709552e19 and seller > 1e19", "d e"),
            ("seller <= -9223372036854775808", "f"),
            (
                "seller between 9007199254740993 and 18446744073709551614",
                "b d h",
            ),
            ("seller has 9007199254740993", "b h"),
            ("not seller = 9007199254740993", "a c d e f g"),
        ] {
            assert_eq!(passing(&db, filter).join(" "), expected, "{filter}");
        }
        let by_calls = Filter::field("seller").eq(two_53 + 1);
        assert_eq!(passing(&db, by_calls), ["b", "h"]);
        assert_eq!(passing(&db, Filter::field("seller").ge(u64::MAX)), ["e"]);
        assert_eq!(
            passing(&db, Filter::field("seller").lt(i64::MIN + 1)),
            ["f"]
        );
        for (id, value) in ["a", "b", "c", "d", "e", "f", "g", "h"].iter().zip(&values) {
            assert_eq!(db.items().get(id).unwrap().unwrap()["seller"], *value);
        }
    }
    let error = Filter::parse("seller = 123456789012345678901234567890").unwrap_err();
    assert!(error.message.contains("more than 64 bits"), "{error}");
}

#[test]
fn a_field_of_long_lists_of_numbers_is_refused_until_it_holds_something_else() {
    let (_dir, path) = directory();
    let embedding = |from: usize| {
        json!(
            (from..from + 64)
                .map(|at| at as f64 / 2.0)
                .collect::<Vec<_>>()
        )
    };
    let values: Vec<Value> = (0..6).map(|at| embedding(at * 10)).collect();
    let db = with_values(&path, "embedding", &values);
    let refused = |filter: &str| match db.recall("space").vector(&[0.0]).filter(filter).top(1) {
        Err(Error::Filter { source }) => source.message,
        other => format!("{other:?}"),
    };
    for filter in ["embedding has 0.5", "embedding > 3", "embedding = 'a'"] {
        let message = refused(filter);
        assert!(
            message.contains("lists of more than 32 numbers"),
            "{message}"
        );
    }
    assert_eq!(passing(&db, "embedding is null").len(), 0);
    assert_eq!(passing(&db, "embedding is not null").len(), 6);
    // Valid from now on, and the long lists count.
    db.items()
        .put(&json!({"id": "g", "x": 9, "embedding": [1, 55.5]}))
        .unwrap();
    for _ in 0..2 {
        assert_eq!(passing(&db, "embedding has 0.5"), ["a"]);
        assert_eq!(passing(&db, "embedding = 55.5"), ["f", "g"]);
        assert_eq!(passing(&db, "embedding >= 56").len(), 1);
        assert_eq!(passing(&db, "not embedding < 6").len(), 4);
        db.items().delete("a").unwrap();
        db.items()
            .put(&json!({"id": "a", "x": 0, "embedding": embedding(0)}))
            .unwrap();
        db.seal().unwrap();
    }
}

#[test]
fn fields_kept_out_of_filters_are_refused_until_they_are_taken_back() {
    let (_dir, path) = directory();
    let db = with_values(
        &path,
        "raw",
        &[json!({"x": 1, "y": "a"}), json!({"x": 2}), json!(null)],
    );
    assert_eq!(passing(&db, "raw.x = 2"), ["b"]);
    db.exclude_from_filters(["raw", "later"]).unwrap();
    drop(db);
    let db = open_without_background(&path);
    assert_eq!(db.excluded_from_filters(), ["later", "raw"]);
    let refused = |db: &Database, filter: &str| {
        let refused = db.recall("space").vector(&[0.0]).filter(filter).top(1);
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("kept out of filters"), "{message}");
    };
    db.items()
        .put(&json!({"id": "d", "x": 3, "raw": {"x": 2}, "rawer": 1}))
        .unwrap();
    for _ in 0..2 {
        for filter in ["raw.x = 2", "raw.y is null", "later = 3"] {
            refused(&db, filter);
        }
        assert_eq!(passing(&db, "rawer = 1"), ["d"]);
        db.seal().unwrap();
        assert_eq!(db.check().unwrap().problems, []);
    }
    db.include_in_filters(["raw"]).unwrap();
    assert_eq!(passing(&db, "raw.x = 2"), ["b", "d"]);
    db.merge().unwrap();
    assert_eq!(passing(&db, "raw.x = 2 and raw.y is null"), ["b", "d"]);
    assert_eq!(db.check().unwrap().problems, []);
}
