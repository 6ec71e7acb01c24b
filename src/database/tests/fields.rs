//! What filters see of records is the same wherever they are: late, sealed, merged, repaired.

use super::*;
use crate::format::columns::Lookup;
use crate::snapshot::Serving;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::collections::BTreeSet;
use std::ops::Bound;
use twinspire_core::kernel::Vector;
use twinspire_towers::internals::{Fields, Place, Term, Test};

const OTHER: &str = "other";

/// A record of every kind of field.
fn record(id: usize) -> Value {
    let mut record = item(id, id * 10);
    record["tags"] = json!(["red", id % 2, null, {"deep": true}]);
    record["seller"] = json!({"city": "Bonn", "at": {"lat": id, "lon": -7.5}});
    record["text"] = json!("w".repeat(250 + id));
    record[format!("only {id}")] = json!(id.is_multiple_of(3));
    record
}

/// That what is late is in the overlays of both spaces, and what is unsealed has the fields of its record.
fn assert_late(db: &Database, late: &[usize]) {
    let live = db.live();
    let snapshot = live.snapshot.load();
    let spaces = [SPACE, OTHER].map(|space| snapshot.space(space).unwrap());
    let mut seen = 0;
    for fresh in snapshot.fresh.iter() {
        let record = db.items().get(&fresh.id).unwrap();
        let expected = record.as_ref().map(Fields::of).unwrap_or_default();
        assert_eq!(*fresh.fields(), expected);
        seen += 1;
    }
    assert!(seen <= late.len());
    for id in late {
        let (item, _) = live.find(&format!("B{id:02}")).unwrap().unwrap();
        let of_base = |serving: &Serving| serving.base.vector(item).map(Vector::from);
        for serving in spaces {
            let vector = serving.overlay.vector_or(item, || None);
            assert!(vector.is_some() || of_base(serving).is_some());
        }
    }
    let counts = spaces.map(|serving| serving.overlay.len());
    assert_eq!(counts, [late.len(); 2]);
}

/// That columns and records of what is sealed agree on some tests.
fn assert_sealed(db: &Database) {
    let text = |text: &str| Term::Text(text.to_owned());
    let (low, high) = (Bound::Included(Term::Number(30.0.into())), Bound::Unbounded);
    let (centre, km) = (
        Place {
            lat: 3.0,
            lon: -7.5,
        },
        200.0,
    );
    let tests = [
        ("price", Test::Between { low, high }),
        ("tags", Test::OneOf(vec![Term::Number(1.0.into())])),
        ("seller.at", Test::Within { centre, km }),
        ("seller.city", Test::OneOf(vec![text("Bonn"), text("Rome")])),
        (
            "text",
            Test::OneOf(vec![text(&"w".repeat(252)), text(&"w".repeat(258))]),
        ),
        ("only 3", Test::Present),
    ];
    let live = db.live();
    for segment in &live.snapshot.load().sealed.items {
        for (path, test) in &tests {
            let column = match segment.column(path) {
                Lookup::Column(column) => Some(column),
                Lookup::Absent => None,
                Lookup::Unindexed => panic!("so few fields all have columns"),
            };
            let matches = column.map(|column| column.resolve(test));
            for row in 0..segment.rows() as u32 {
                let fields = segment.row(row as usize).unwrap().fields().unwrap();
                let expected = test.matches(fields.field(path));
                let found = matches.as_ref().is_some_and(|matches| {
                    matches.contains(row) || matches.is_uncertain(row) && expected
                });
                assert_eq!(found, expected, "{path}, row {row}");
            }
        }
    }
    assert_eq!(db.check().unwrap().problems, []);
}

#[test]
fn filters_see_the_same_fields_fresh_sealed_merged_and_reopened() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    let put = |db: &Database, ids: &[usize]| {
        let records: Vec<Value> = ids.iter().map(|id| record(*id)).collect();
        db.items().put_many(&records).unwrap();
    };
    let publish = |db: &Database, space: &str| {
        let towers = Towers::from_bytes(towers::scaled(2.0)).unwrap();
        db.publish(space).towers(towers).run().unwrap();
    };
    put(&db, &[0, 1, 2, 3, 4]);
    publish(&db, SPACE);
    publish(&db, OTHER);
    assert_late(&db, &[]);
    put(&db, &[3, 5]);
    db.items().delete("B01").unwrap();
    assert_late(&db, &[1, 3, 5]);
    drop(db);
    let db = open(&files).unwrap();
    assert_late(&db, &[1, 3, 5]);
    db.seal().unwrap();
    assert_late(&db, &[]);
    assert_sealed(&db);
    publish(&db, SPACE);
    publish(&db, OTHER);
    put(&db, &[6, 2]);
    for space in [SPACE, OTHER] {
        db.rollback(space).run().unwrap();
    }
    assert_late(&db, &[2, 6]);
    db.seal().unwrap();
    put(&db, &[7, 8, 9]);
    assert_late(&db, &[7, 8, 9]);
    db.merge().unwrap();
    assert_sealed(&db);
    drop(db);
    let db = open(&files).unwrap();
    assert_late(&db, &[7, 8, 9]);
    assert_sealed(&db);
}

/// A value of any kind, and filters over it that are valid once it was stored in field `path`.
fn value_of_any_kind(random: &mut Pcg64Mcg, path: &str) -> (Value, Vec<String>) {
    let all = [
        (json!(true), &["= true", "is null"][..]),
        (json!(7), &["< 8", "in (7, 9)"]),
        (json!("red"), &["= 'red'", "starts with 'r'"]),
        (json!("w".repeat(300)), &["> 'v'"]),
        (json!(["a", 3]), &["has any ('a', 3)", "has all (3)"]),
        (json!([]), &["is not null"]),
        (json!(null), &[]),
    ];
    let Some((value, tests)) = all.choose(random) else {
        unreachable!("there are kinds");
    };
    let tests = tests.iter().map(|test| format!("{path} {test}"));
    (value.clone(), tests.collect())
}

/// Whether a recall accepts a filter.
fn is_valid(db: &Database, filter: &str) -> bool {
    match db.recall(SPACE).vector(&[1.0]).filter(filter).top(10) {
        Ok(_) => true,
        Err(Error::Filter { .. }) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Puts, deletes, seals, merges, publishes and reopens at random. After each step, every filter over
/// what was ever stored must still be valid.
fn valid_filters_stay_valid(seed: u64) {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let files = MemoryFiles::default();
    let mut db = open(&files).unwrap();
    db.items().put(&item(0, 1)).unwrap();
    let towers = Towers::from_bytes(towers::scaled(2.0)).unwrap();
    db.publish(SPACE).towers(towers).run().unwrap();
    let mut valid = BTreeSet::from(["price > 3".to_owned()]);
    for step in 0..24 {
        let id = random.random_range(1..4);
        match random.random_range(0..9) {
            0..4 => {
                let mut record = item(id, step);
                for path in ["a", "b", "c"] {
                    let (value, filters) = value_of_any_kind(&mut random, path);
                    if random.random_bool(0.4) {
                        record[path] = value;
                        valid.extend(filters);
                    }
                }
                db.items().put(&record).unwrap();
                // Of only empty lists nobody knows what they will hold.
                let untyped = ["a", "b", "c"].map(|path| format!("{path} has 'anything'"));
                valid.extend(untyped.into_iter().filter(|filter| is_valid(&db, filter)));
            }
            4 | 5 => drop(db.items().delete(&format!("B{id:02}")).unwrap()),
            6 => drop(db.seal().unwrap()),
            7 => {
                db.seal().unwrap();
                db.merge().unwrap();
            }
            _ => {
                drop(db);
                db = open(&files).unwrap();
            }
        }
        for filter in &valid {
            assert!(is_valid(&db, filter), "seed {seed}, step {step}: {filter}");
        }
    }
    assert!(!is_valid(&db, "colour = 3"));
    assert_eq!(db.check().unwrap().problems, []);
}

#[test]
fn a_filter_that_was_valid_once_never_becomes_an_error() {
    (0..24).for_each(valid_filters_stay_valid);
}

#[test]
fn a_field_that_no_item_has_any_more_matches_nothing() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    let mut record = item(1, 10);
    record["colour"] = json!("red");
    db.items().put_many(&[record, item(2, 20)]).unwrap();
    let towers = Towers::from_bytes(towers::scaled(2.0)).unwrap();
    db.publish(SPACE).towers(towers).run().unwrap();
    let count = |db: &Database, filter: &str| {
        let hits = db.recall(SPACE).vector(&[1.0]).filter(filter).top(10);
        hits.unwrap().len()
    };
    assert_eq!(count(&db, "colour = 'red'"), 1);
    db.items().delete("B01").unwrap();
    db.seal().unwrap();
    db.merge().unwrap();
    drop(db);
    let db = open(&files).unwrap();
    assert_eq!(count(&db, "colour = 'red'"), 0);
    assert_eq!(count(&db, "colour is null"), 1);
    db.items().delete("B02").unwrap();
    db.seal().unwrap();
    db.merge().unwrap();
    assert_eq!(count(&db, "colour = 'red' or price > 1"), 0);
}

#[test]
fn with_more_fields_than_are_listed_any_field_may_exist() {
    let files = MemoryFiles::default();
    let db = open(&files).unwrap();
    for batch in 0..12 {
        let mut record = item(batch, batch);
        for field in 0..100 {
            record[format!("f{}", batch * 100 + field)] = json!(field);
        }
        db.items().put(&record).unwrap();
    }
    let towers = Towers::from_bytes(towers::scaled(2.0)).unwrap();
    db.publish(SPACE).towers(towers).run().unwrap();
    let find = |db: &Database, filter: &str| {
        let hits = db.recall(SPACE).vector(&[1.0]).filter(filter).top(100);
        hits.map(|hits| hits.len())
    };
    assert_eq!(find(&db, "f1150 = 50").unwrap(), 1);
    drop(db);
    let db = open(&files).unwrap();
    assert_eq!(find(&db, "f1150 = 50").unwrap(), 1);
    assert_eq!(find(&db, "f12 = 12").unwrap(), 1);
    assert_eq!(find(&db, "never_there = 12").unwrap(), 0);
    assert!(
        find(&db, "f12 = 'a text'").is_err(),
        "a listed field keeps its kinds"
    );
}
