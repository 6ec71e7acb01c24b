//! What filters see of records is the same wherever they are: late, sealed, merged, repaired.

use super::*;
use crate::format::columns::Lookup;
use std::ops::Bound;
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

/// That what is late has the fields of its record, the same ones in both spaces.
fn assert_late(db: &Database, late: &[usize]) {
    let live = db.live();
    let snapshot = live.snapshot.load();
    let spaces = [SPACE, OTHER].map(|space| snapshot.space(space).unwrap());
    let [mut here, mut there] = spaces.map(|serving| serving.overlay.values());
    let mut seen = 0;
    while let (Some(here), Some(there)) = (here.next(), there.next()) {
        let record = db.items().get(&here.id).unwrap();
        let expected = record.as_ref().map(Fields::of).unwrap_or_default();
        assert_eq!(*here.fields, expected);
        assert!(record.is_none() || Arc::ptr_eq(&here.fields, &there.fields));
        seen += 1;
    }
    assert_eq!(seen, late.len());
    for id in late {
        let (item, _) = live.find(&format!("B{id:02}")).unwrap().unwrap();
        assert!(
            spaces
                .iter()
                .all(|serving| serving.overlay.contains_key(&item))
        );
    }
}

/// That columns and records of what is sealed agree on some tests.
fn assert_sealed(db: &Database) {
    let text = |text: &str| Term::Text(text.to_owned());
    let (low, high) = (Bound::Included(Term::Number(30.0)), Bound::Unbounded);
    let (centre, km) = (
        Place {
            lat: 3.0,
            lon: -7.5,
        },
        200.0,
    );
    let tests = [
        ("price", Test::Between { low, high }),
        ("tags", Test::OneOf(vec![Term::Number(1.0)])),
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
