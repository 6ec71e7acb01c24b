//! Items through the public API, on a disk.
use serde_json::{Value, json};
use std::collections::BTreeSet;
use twinspire::{Database, Error, ErrorKind, Revision};
use twinspire_testkit::directory;

#[test]
fn items_are_there_after_the_database_was_closed_and_opened_again() {
    let (_dir, path) = directory();
    let shoes = json!({"id": "B01", "title": "red shoes", "price": 12.5});
    {
        let db = Database::open(&path).unwrap();
        assert_eq!(db.items().put(&shoes).unwrap(), Revision(1));
        let hats = [json!({"id": "B02"}), json!({"id": "B03"})];
        assert_eq!(db.items().put_many(&hats).unwrap(), Revision(3));
        assert!(db.items().delete("B02").unwrap());
        assert!(!db.items().delete("B02").unwrap());
    }
    let db = Database::open(&path).unwrap();
    assert_eq!(db.items().get("B01").unwrap(), Some(shoes.clone()));
    assert_eq!(db.items().get("B02").unwrap(), None);
    assert_eq!(db.seal().unwrap(), Revision(4));
    assert_eq!(db.items().get("B01").unwrap(), Some(shoes));
    assert_eq!(
        db.items().put(&json!({"id": "B02", "back": true})).unwrap(),
        Revision(5)
    );
    drop(db);
    let db = Database::open(&path).unwrap();
    assert_eq!(
        db.items().get("B02").unwrap(),
        Some(json!({"id": "B02", "back": true}))
    );
}

#[test]
fn items_are_counted_and_found_whether_they_are_sealed_or_fresh() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    let ids = ["a", "b", "c", "d"];
    let mut expected = BTreeSet::new();
    for step in 0..24 {
        let id = ids[step * 7 % 4];
        match step % 3 {
            0 | 1 => {
                db.items().put(&json!({"id": id, "step": step})).unwrap();
                expected.insert(id);
            }
            _ => assert_eq!(db.items().delete(id).unwrap(), expected.remove(id)),
        }
        if step % 5 == 4 {
            db.seal().unwrap();
        }
        assert_eq!(db.items().count().unwrap(), expected.len() as u64);
        assert_eq!(db.stats().unwrap().items, expected.len() as u64);
        for id in ids {
            assert_eq!(db.items().contains(id).unwrap(), expected.contains(id));
        }
    }
}

#[test]
fn the_revisions_of_an_item_are_those_that_are_still_stored() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    let found = |db: &Database| -> Vec<(u64, Option<Value>, bool, bool)> {
        let found = db.items().revisions("a").unwrap().into_iter();
        let found = found.map(|one| {
            let step = one.record.map(|record| record["step"].clone());
            (one.revision.0, step, one.replaced, one.sealed)
        });
        found.collect()
    };
    assert!(found(&db).is_empty());
    let put = |step: u64| db.items().put(&json!({"id": "a", "step": step})).unwrap();
    put(1);
    db.items().put(&json!({"id": "b"})).unwrap();
    put(3);
    let expected = [
        (3, Some(json!(3)), false, false),
        (1, Some(json!(1)), true, false),
    ];
    assert_eq!(found(&db), expected);
    // The segment keeps the newest version of each item.
    db.seal().unwrap();
    db.items().delete("a").unwrap();
    put(5);
    db.items().put(&json!({"id": "b", "again": true})).unwrap();
    let expected = [
        (5, Some(json!(5)), false, false),
        (4, None, true, false),
        (3, Some(json!(3)), true, true),
    ];
    assert_eq!(found(&db), expected);
    // Another process sees the same, and not what was written after it looked.
    drop(db);
    let reader = Database::open_read_only(&path).unwrap();
    assert_eq!(found(&reader), expected);
    let db = Database::open(&path).unwrap();
    assert_eq!(found(&db), expected);
    db.items().put(&json!({"id": "a", "step": 7})).unwrap();
    assert_eq!(found(&reader), expected);
    reader.refresh().unwrap();
    assert_eq!(found(&reader).len(), 4);
    db.seal().unwrap();
    let sealed = [
        (7, Some(json!(7)), false, true),
        (3, Some(json!(3)), true, true),
    ];
    assert_eq!(found(&db), sealed);
    // The journal files are gone from under the reader: it has its newest version, and what is sealed.
    let left = [
        (7, Some(json!(7)), false, false),
        (3, Some(json!(3)), true, true),
    ];
    assert_eq!(found(&reader), left);
    db.merge().unwrap();
    assert_eq!(found(&db), [(7, Some(json!(7)), false, true)]);
}

#[test]
fn a_second_writer_is_told_who_holds_the_lock() {
    let (_dir, path) = directory();
    let _db = Database::open(&path).unwrap();
    let error = Database::open(&path).err().unwrap();
    assert!(
        matches!(&error, Error::Locked { lock, holder } if holder.contains("process") && lock.ends_with("LOCK")),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::Busy);
}

#[test]
fn bad_items_are_refused_by_place_and_nothing_of_the_call_is_stored() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    let good = json!({"id": "a"});
    for bad in [
        json!({"title": "no id"}),
        json!({"id": ""}),
        json!({"id": 7}),
        json!(["a"]),
    ] {
        let error = db.items().put_many(&[good.clone(), bad]).err().unwrap();
        assert!(matches!(error, Error::Item { at: 1, .. }), "{error}");
    }
    let error = db
        .items()
        .put_many(&[good.clone(), json!({"id": "b"}), good.clone()])
        .err()
        .unwrap();
    assert!(
        matches!(
            error,
            Error::DuplicateId {
                first: 0,
                second: 2,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(db.items().get("a").unwrap(), None);
}

#[test]
fn a_call_too_large_for_the_journal_is_refused_and_fits_in_two() {
    let (_dir, path) = directory();
    let db = Database::open(path).unwrap();
    let note = "n".repeat(1 << 19);
    let items: Vec<_> = (0..140)
        .map(|i| json!({"id": format!("{i}"), "note": note}))
        .collect();
    let error = db.items().put_many(&items).unwrap_err();
    assert!(matches!(error, Error::CallTooLarge { .. }), "{error}");
    assert_eq!(db.stats().unwrap().items, 0);
    for half in items.chunks(70) {
        db.items().put_many(half).unwrap();
    }
    assert_eq!(db.stats().unwrap().items, 140);
}

#[test]
fn a_directory_of_other_things_is_not_taken_over() {
    let (_dir, path) = directory();
    std::fs::create_dir(&path).unwrap();
    drop(std::fs::File::create_new(path.join("thesis.txt")).unwrap());
    let error = Database::open(&path).err().unwrap();
    assert!(matches!(error, Error::NotADatabase { .. }), "{error}");
}

#[test]
fn numbers_come_back_to_the_last_digit() {
    use rand::{RngExt, SeedableRng};
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    let mut random = rand_pcg::Pcg64::seed_from_u64(7);
    let numbers: Vec<f64> = (0..2_000)
        .map(|_| f64::from_bits(random.random()))
        .filter(|number| number.is_finite())
        .collect();
    let item = json!({"id": "a", "numbers": numbers});
    db.items().put(&item).unwrap();
    assert!(db.items().get("a").unwrap() == Some(item));
}

#[test]
fn a_path_that_leaves_no_room_below_it_is_refused_and_a_database_can_be_read_into_memory() {
    let long = std::path::PathBuf::from("x".repeat(3_901));
    let error = Database::open(&long).err().unwrap();
    assert!(
        matches!(error, Error::PathTooLong { bytes: 3_901, .. }),
        "{error}"
    );
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    db.items().put(&json!({"id": "B01"})).unwrap();
    db.seal().unwrap();
    let error = db.snapshot(&long).unwrap_err();
    assert!(matches!(error, Error::PathTooLong { .. }), "{error}");
    drop(db);
    let db = Database::options().in_memory(true).open(&path).unwrap();
    assert!(db.items().get("B01").unwrap().is_some());
    assert!(db.check().unwrap().is_clean());
}
