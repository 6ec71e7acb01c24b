//! Removals: what goes, what stays, and what a power cut leaves.

use super::*;
use std::collections::BTreeSet;

fn ids(db: &Database) -> BTreeSet<String> {
    let items = db.export().run().unwrap();
    items
        .map(|item| item.unwrap().record["id"].as_str().unwrap().to_owned())
        .collect()
}

fn publish(db: &Database) {
    let towers = Towers::from_bytes(towers::scaled(1.0)).unwrap();
    db.publish(SPACE).towers(towers).run().unwrap();
}

/// The ids that a recall of everything returns.
fn recalled(db: &Database) -> BTreeSet<String> {
    let hits = db.recall(SPACE).vector(&[0.0]).top(1000).unwrap();
    hits.into_iter().map(|hit| hit.id).collect()
}

/// Items some of which are sealed, overwritten, deleted, and fresh.
fn layered(files: &MemoryFiles) -> Database {
    let db = open(files).unwrap();
    db.items()
        .put_many(&(0..30).map(|id| item(id, id)).collect::<Vec<_>>())
        .unwrap();
    db.seal().unwrap();
    publish(&db);
    // Sealed versions that pass `price < 10` and newer ones that do not, and the other way round.
    db.items().put_many(&[item(1, 100), item(20, 2)]).unwrap();
    db.items().delete("B03").unwrap();
    db.seal().unwrap();
    db.items()
        .put_many(&[item(2, 200), item(21, 3), item(30, 4), item(31, 400)])
        .unwrap();
    db.items().delete("B04").unwrap();
    db
}

#[test]
fn a_filter_deletes_the_items_whose_newest_record_passes() {
    for (filter, passes) in [
        ("price < 10", (|price| price < 10) as fn(u64) -> bool),
        ("not price < 10", |price| price >= 10),
        ("price != 5", |price| price != 5),
        ("price in (2, 200, 3, 400)", |price| {
            [2, 200, 3, 400].contains(&price)
        }),
    ] {
        let db = layered(&MemoryFiles::default());
        let price = |id: &String| {
            db.items().get(id).unwrap().unwrap()["price"]
                .as_u64()
                .unwrap()
        };
        let (go, stay): (BTreeSet<String>, _) =
            ids(&db).into_iter().partition(|id| passes(price(id)));
        let count = go.len() as u64;
        assert_eq!(db.items().count_where(filter).unwrap(), count, "{filter}");
        assert_eq!(db.items().delete_where(filter).unwrap(), count, "{filter}");
        assert_eq!((ids(&db), recalled(&db)), (stay.clone(), stay), "{filter}");
        assert_eq!(db.items().delete_where(filter).unwrap(), 0);
        assert_eq!(db.check().unwrap().problems, []);
    }
    let db = layered(&MemoryFiles::default());
    assert!(matches!(
        db.items().delete_where("prize < 3"),
        Err(Error::Filter { .. })
    ));
    assert_eq!(
        db.items()
            .delete_many(["B05", "B03", "none", "B05", "B30"])
            .unwrap(),
        2
    );
    assert!(!ids(&db).contains("B30"));
}

#[test]
fn a_replacement_leaves_exactly_the_new_catalogue_and_writes_only_what_changed() {
    let files = MemoryFiles::default();
    let db = layered(&files);
    let before = ids(&db);
    let new = [
        item(1, 100),
        item(5, 55),
        item(21, 3),
        item(40, 1),
        item(3, 3),
    ];
    let mut replacement = db.items().replace_all().unwrap();
    replacement.put_many(&new[..2]).unwrap();
    replacement.put_many(&new[2..]).unwrap();
    // Written by somebody else meanwhile: it stays.
    db.items().put(&item(9, 9)).unwrap();
    let (missing, all) = replacement.missing().unwrap();
    assert_eq!(
        (missing, all),
        (before.len() as u64 - 4, before.len() as u64 + 2)
    );
    let refused = replacement.finish().unwrap_err();
    assert!(matches!(refused, Error::TooManyRemoved { removed, .. } if removed == missing));
    assert_eq!(ids(&db).len() as u64, all, "nothing is removed");

    let mut again = db.items().replace_all().unwrap().max_removed(1.0);
    again.put_many(&new).unwrap();
    again.put_many(&[item(9, 9)]).unwrap();
    let done = again.finish().unwrap();
    assert_eq!(
        (done.added, done.changed, done.unchanged, done.removed),
        (0, 0, 6, missing)
    );
    let expected: BTreeSet<String> = ["B01", "B03", "B05", "B09", "B21", "B40"]
        .map(str::to_owned)
        .into();
    assert_eq!(
        (ids(&db), recalled(&db)),
        (expected.clone(), expected.clone())
    );
    let empty = db.items().replace_all().unwrap().finish();
    assert!(matches!(
        empty,
        Err(Error::TooManyRemoved {
            removed: 6,
            items: 6,
            ..
        })
    ));
    db.seal().unwrap();
    db.merge().unwrap();
    drop(db);
    assert_eq!(ids(&open(&files).unwrap()), expected);
}

/// Replaces the catalogue of the tests below.
fn replace(db: &Database) -> Result<(), Error> {
    let mut replacement = db.items().replace_all()?.max_removed(1.0);
    replacement.put_many(&[item(0, 0), item(1, 11)])?;
    replacement.put_many(&[item(7, 70)])?;
    replacement.finish().map(drop)
}

#[test]
fn a_power_cut_during_a_replacement_loses_no_item_of_the_new_catalogue_and_running_it_again_completes_it()
 {
    let old = [item(0, 0), item(1, 1), item(2, 2), item(3, 3)];
    let run = |fault: Option<u64>| {
        let files = MemoryFiles::default();
        let db = open(&files).unwrap();
        db.items().put_many(&old).unwrap();
        db.seal().unwrap();
        // Operations are counted from here on.
        files.set_fault(fault.map(|at| Fault::PowerCut { at }));
        let replaced = replace(&db);
        drop(db);
        (files, replaced)
    };
    let (whole, _) = run(None);
    let count = whole.operations().len() as u64;
    for at in 1..=count + 1 {
        let (files, replaced) = run(Some(at));
        for (_, files) in cuts(&files, at) {
            let db = open(&files).unwrap();
            let found = ids(&db);
            let price = db.items().get("B01").unwrap().unwrap()["price"].clone();
            assert!(
                found.contains("B00") && found.contains("B01"),
                "{at}: {found:?}"
            );
            // Removals come last, all in one call.
            let removed = !found.contains("B02");
            assert_eq!(removed, !found.contains("B03"));
            assert!(
                !removed || found.contains("B07") && price == 11,
                "{at}: {found:?}"
            );
            assert!(replaced.is_err() || removed, "acknowledged");
            replace(&db).unwrap();
            assert_eq!(ids(&db), ["B00", "B01", "B07"].map(str::to_owned).into());
            assert_eq!(db.items().get("B01").unwrap().unwrap()["price"], 11);
        }
    }
}
