//! Publish, recall and rollback through the public API, on a disk.
use serde_json::json;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use twinspire::{Database, Error, ErrorKind, GenerationNo, ProgressStage};
use twinspire_testkit::database::ids;
use twinspire_testkit::towers::{self, scaled_towers};
use twinspire_testkit::{SetOnDrop, directory, item, write_file, write_files};

fn shop(path: &std::path::Path, items: usize) -> Database {
    let db = Database::open(path).unwrap();
    let items: Vec<_> = (0..items).map(|id| item(id, 10 * id)).collect();
    db.items().put_many(&items).unwrap();
    db
}

#[test]
fn raw_features_in_ranked_items_out_also_after_reopening() {
    let (_dir, path) = directory();
    let db = shop(&path, 50);
    let published = db
        .publish("by-price")
        .towers(scaled_towers(2.0))
        .run()
        .unwrap();
    assert_eq!((published.items, published.recall), (50, 1.0));
    let user = json!({"price": 101});
    let before = db.recall("by-price").user(&user).top(3).unwrap();
    assert_eq!(ids(&before), ["B010", "B011", "B009"]);
    assert_eq!(
        before[0].score, -4.0,
        "the negative squared distance of 2 · 1"
    );
    assert_eq!(before.generation(), GenerationNo(1));
    drop(db);
    for db in [
        Database::open(&path).unwrap(),
        Database::open_read_only(&path).unwrap(),
    ] {
        assert_eq!(db.recall("by-price").user(&user).top(3).unwrap(), before);
        assert_eq!(
            db.recall("by-price").exact().user(&user).top(3).unwrap(),
            before
        );
        let users = vec![user.clone(), json!({"price": 0})];
        let batch = db.recall("by-price").users(&users).top(3).unwrap();
        assert_eq!(batch[0], before);
        assert_eq!(ids(&batch[1]), ["B000", "B001", "B002"]);
        assert_eq!(
            db.recall("by-price").vector(&[202.0]).top(3).unwrap(),
            before
        );
    }
}

#[test]
fn similar_excludes_the_item_itself_and_options_apply() {
    let (_dir, path) = directory();
    let db = shop(&path, 50);
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    let recall = || db.recall("by-price");
    let near = recall().similar("B020").top(2).unwrap();
    assert_eq!(
        ids(&near),
        ["B019", "B021"],
        "equal scores: the smaller id first"
    );
    let user = json!({"price": 200});
    let some = recall()
        .exclude(["B020", "B019", "never seen"])
        .user(&user)
        .records();
    let some = some.top(2).unwrap();
    assert_eq!(ids(&some), ["B021", "B018"]);
    assert_eq!(some[0].record, Some(item(21, 210)));
    assert_eq!(recall().user(&user).top(1).unwrap()[0].record, None);
    assert_eq!(recall().user(&user).top(1_000_000).unwrap().len(), 50);
    assert_eq!(recall().user(&user).ef(1).top(5).unwrap().len(), 5);
}

#[test]
fn items_put_changed_and_deleted_after_a_publish_are_seen_by_the_next_recall() {
    let (_dir, path) = directory();
    let mut db = shop(&path, 20);
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    db.items().put(&item(500, 55)).unwrap();
    db.items().put(&item(3, 56)).unwrap();
    db.items().delete("B005").unwrap();
    for state in ["fresh", "reopened", "sealed", "published again"] {
        let hits = db
            .recall("by-price")
            .user(&json!({"price": 55}))
            .top(4)
            .unwrap();
        assert_eq!(ids(&hits), ["B500", "B003", "B006", "B004"], "{state}");
        assert_eq!(db.stats().unwrap().items, 20, "{state}");
        assert_eq!(db.stats().unwrap().spaces["by-price"].items, 20, "{state}");
        match state {
            "fresh" => {
                drop(db);
                db = Database::open(&path).unwrap();
            }
            "reopened" => drop(db.seal().unwrap()),
            _ => drop(
                db.publish("by-price")
                    .towers(scaled_towers(1.0))
                    .run()
                    .unwrap(),
            ),
        }
    }
}

#[test]
fn a_rollback_brings_towers_and_vectors_back_together_with_later_items() {
    let (_dir, path) = directory();
    let db = shop(&path, 20);
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    db.items().put(&item(100, 33)).unwrap();
    db.publish("by-price")
        .towers(scaled_towers(5.0))
        .run()
        .unwrap();
    db.items().put(&item(101, 34)).unwrap();
    db.items().delete("B003").unwrap();
    let user = json!({"price": 33});
    let five = db.recall("by-price").user(&user).top(2).unwrap();
    assert_eq!(five[1].score, -25.0);
    assert_eq!(
        db.rollback("by-price").run().unwrap().number,
        GenerationNo(1)
    );
    for _ in 0..2 {
        let one = db.recall("by-price").user(&user).top(3).unwrap();
        assert_eq!(one.generation(), GenerationNo(1));
        assert_eq!(ids(&one), ["B100", "B101", "B004"]);
        assert_eq!(one[1].score, -1.0);
    }
    let error = db.rollback("by-price").run().unwrap_err();
    assert!(
        matches!(error, Error::NoEarlierGeneration { .. }),
        "{error}"
    );
    db.rollback("by-price").to(GenerationNo(2)).run().unwrap();
    assert_eq!(db.recall("by-price").user(&user).top(2).unwrap(), five);
    let error = db
        .rollback("by-price")
        .to(GenerationNo(9))
        .run()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "space \"by-price\" keeps no generation 9; it keeps 1, 2"
    );
}

#[test]
fn old_generations_are_kept_until_retention_lets_them_go() {
    let (_dir, path) = directory();
    let db = shop(&path, 5);
    for _ in 0..4 {
        db.publish("by-price")
            .towers(scaled_towers(1.0))
            .run()
            .unwrap();
    }
    let kept = |db: &Database| -> Vec<u64> {
        let all = db.generations("by-price").unwrap();
        assert_eq!(all.iter().filter(|g| g.active).count(), 1);
        all.iter().map(|g| g.number.0).collect()
    };
    assert_eq!(kept(&db), [2, 3, 4]);
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .retain(1)
        .run()
        .unwrap();
    assert_eq!(kept(&db), [5]);
    let segments = std::fs::read_dir(path.join("segments")).unwrap().count();
    assert_eq!(segments, 2, "one of items, one of the space");
    assert_eq!(std::fs::read_dir(path.join("towers")).unwrap().count(), 1);
    assert!(db.check().unwrap().is_clean());
}

#[test]
fn a_publish_that_is_cancelled_at_any_stage_changes_nothing_and_leaves_nothing() {
    let (_dir, path) = directory();
    let db = shop(&path, 2_000);
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    let files = |of: &str| {
        let entries = std::fs::read_dir(path.join(of)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let before = (files("segments"), files("towers"));
    let stages = [
        ProgressStage::Embed,
        ProgressStage::Build,
        ProgressStage::Audit,
    ];
    for stage in stages {
        let error = db
            .publish("by-price")
            .towers(scaled_towers(2.0))
            .progress(|progress| match progress.stage == stage {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
            .run()
            .unwrap_err();
        assert!(matches!(error, Error::Cancelled), "{stage}: {error}");
        assert_eq!(error.kind(), ErrorKind::Cancelled);
        let generations = db.generations("by-price").unwrap();
        assert_eq!(
            (generations.len(), generations[0].number),
            (1, GenerationNo(1))
        );
        assert!((files("segments"), files("towers")) == before, "{stage}");
    }
    assert_eq!(
        db.publish("by-price")
            .towers(scaled_towers(2.0))
            .run()
            .unwrap()
            .number,
        GenerationNo(2)
    );
    assert!(db.check().unwrap().is_clean());
}

#[test]
fn recalls_during_publishes_and_puts_see_one_generation_whole() {
    let (_dir, path) = directory();
    let db = shop(&path, 30);
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let end = SetOnDrop(&over);
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let hits = db
                        .recall("by-price")
                        .user(&json!({"price": 15}))
                        .top(100)
                        .unwrap();
                    assert!(
                        hits.len() >= 30,
                        "nothing is missing while generations change"
                    );
                    // Odd generations have scale 1, even ones 3.
                    let scale = if hits.generation().0 % 2 == 1 {
                        1.0
                    } else {
                        3.0
                    };
                    for hit in &hits {
                        let price = 10.0 * hit.id[1..].parse::<f32>().unwrap();
                        assert_eq!(hit.score, -(scale * (price - 15.0)).powi(2));
                    }
                }
            });
        }
        scope.spawn(|| {
            for id in 30..90 {
                db.items().put(&item(id, 10 * id)).unwrap();
            }
        });
        for round in 0..10 {
            let scale = if round % 2 == 0 { 3.0 } else { 1.0 };
            db.publish("by-price")
                .towers(scaled_towers(scale))
                .run()
                .unwrap();
        }
        drop(end);
    });
    let all = db
        .recall("by-price")
        .user(&json!({"price": 0}))
        .top(1000)
        .unwrap();
    assert_eq!(all.len(), 90);
}

#[test]
fn a_reader_beside_a_writer_sees_what_was_acknowledged_before_it_opened() {
    let (_dir, path) = directory();
    let db = shop(&path, 10);
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    db.items().put(&item(77, 5)).unwrap();
    let reader = Database::open_read_only(&path).unwrap();
    let user = json!({"price": 5});
    let seen = reader.recall("by-price").user(&user).top(1).unwrap();
    assert_eq!(ids(&seen), ["B077"]);
    db.items().delete("B077").unwrap();
    db.publish("by-price")
        .towers(scaled_towers(2.0))
        .retain(1)
        .run()
        .unwrap();
    assert_eq!(reader.recall("by-price").user(&user).top(1).unwrap(), seen);
    for error in [
        reader.items().put(&item(1, 1)).err(),
        reader.items().delete("B001").err(),
        reader.seal().err(),
        reader
            .publish("by-price")
            .towers(scaled_towers(1.0))
            .run()
            .err(),
        reader.rollback("by-price").run().err(),
    ] {
        assert!(matches!(error, Some(Error::ReadOnly)), "{error:?}");
    }
    assert!(matches!(Database::open(&path), Err(Error::Locked { .. })));
}

#[test]
fn readers_open_while_a_writer_seals_and_publishes() {
    let (_dir, path) = directory();
    let db = shop(&path, 3);
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            for _ in 0..60 {
                let reader = Database::open_read_only(&path).unwrap();
                let found = reader
                    .recall("by-price")
                    .user(&json!({"price": 0}))
                    .top(999)
                    .unwrap();
                let here = (0..99)
                    .filter(|id| reader.items().get(&format!("B{id:03}")).unwrap().is_some());
                assert_eq!(found.len(), here.count());
            }
        });
        let mut id = 3;
        while !reading.is_finished() && id < 99 {
            db.items().put(&item(id, id)).unwrap();
            if id % 3 == 0 {
                db.seal().unwrap();
            }
            if id % 7 == 0 {
                db.publish("by-price")
                    .towers(scaled_towers(1.0))
                    .run()
                    .unwrap();
            }
            id += 1;
        }
    });
}

#[test]
fn readers_open_while_a_writer_unlinks_its_journals() {
    let (_dir, path) = directory();
    let db = shop(&path, 3);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let end = SetOnDrop(&over);
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    drop(Database::open_read_only(&path).unwrap());
                }
            });
        }
        for price in 0..150 {
            db.items().put(&item(1, price)).unwrap();
            db.seal().unwrap();
        }
        drop(end);
    });
}

#[test]
fn invalid_recalls_are_errors_that_say_what_to_do() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    let says = |error: Error, kind: ErrorKind, text: &str| {
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(error.kind(), kind, "{error}");
    };
    let invalid = ErrorKind::InvalidInput;
    let user = json!({"price": 1});

    let empty = db.recall("by-price").user(&user).top(1).unwrap_err();
    says(
        empty,
        ErrorKind::NotFound,
        "no space or ensemble \"by-price\"; none has been published yet",
    );
    says(
        db.publish("by-price")
            .towers(scaled_towers(1.0))
            .run()
            .unwrap_err(),
        invalid,
        "put or import items first",
    );
    db.items().put(&json!({"id": "B1", "prise": 3})).unwrap();
    let unfit = db
        .publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap_err();
    says(
        unfit,
        invalid,
        "item \"B1\" cannot be embedded for space \"by-price\": field `price`: expected a finite number",
    );
    db.items().put(&json!({"id": "B1", "price": 3})).unwrap();
    says(
        db.publish("a/b")
            .towers(scaled_towers(1.0))
            .run()
            .unwrap_err(),
        invalid,
        "up to 64 letters",
    );
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();

    let recall = || db.recall("by-price");
    let unknown = db.recall("books").user(&user).top(1).unwrap_err();
    says(
        unknown,
        ErrorKind::NotFound,
        "no space or ensemble \"books\"; there is by-price",
    );
    says(
        recall().user(&user).top(0).unwrap_err(),
        invalid,
        "ask for 1 or more",
    );
    says(
        recall().top(1).unwrap_err(),
        invalid,
        "give it a user, a vector or an item",
    );
    says(
        recall().vector(&[1.0, 2.0]).top(1).unwrap_err(),
        invalid,
        "2 components, the space has dimension 1",
    );
    says(
        recall().vector(&[f32::NAN]).top(1).unwrap_err(),
        invalid,
        "component 0 is not a finite number",
    );
    says(
        recall().similar("B9").top(1).unwrap_err(),
        ErrorKind::NotFound,
        "no item \"B9\"",
    );
    says(
        recall().user(&json!({})).top(1).unwrap_err(),
        invalid,
        "the user: field `price`",
    );
    says(
        recall().user(&json!([])).top(1).unwrap_err(),
        invalid,
        "a JSON object of the user's features",
    );
    let more = json!({"price": 1, "colour": "red"});
    says(
        recall().user(&more).top(1).unwrap_err(),
        invalid,
        "field `colour`: expected only what the user tower reads (price)",
    );
    let batch = [user.clone(), json!({"price": "one"})];
    let error = recall().users(&batch).top(1).unwrap_err();
    says(
        error,
        invalid,
        "user 2 of the batch: field `price`: expected a finite number, found a string (\"one\")",
    );

    let late = db.items().put(&json!({"id": "B2"})).unwrap_err();
    says(late, invalid, "item \"B2\" cannot be embedded");
    assert_eq!(
        db.items().get("B2").unwrap(),
        None,
        "a refused item is not stored"
    );
    let missing = Database::open_read_only(path.join("none")).err().unwrap();
    says(missing, ErrorKind::NotFound, "there is no database at");
}

#[test]
fn a_damaged_towers_directory_is_refused_by_file_and_place() {
    let dir = tempfile::tempdir().unwrap();
    let error = twinspire::Towers::open(dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("tower.json: file: is missing"),
        "{error}"
    );
    let parts = towers::scaled(1.0);
    write_files(dir.path(), &parts[..2]);
    let error = twinspire::Towers::open(dir.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("item.safetensors: file: is missing"),
        "{error}"
    );
    write_file(dir.path(), "item.safetensors", &parts[2].1[..20]);
    let error = twinspire::Towers::open(dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("item.safetensors: header"),
        "{error}"
    );
    write_file(dir.path(), "tower.json", b"{\"format\": 1,");
    let error = twinspire::Towers::open(dir.path()).unwrap_err();
    assert!(
        error.to_string().contains("tower.json: line 1 column 13"),
        "{error}"
    );
}

#[test]
fn a_truncated_segment_is_named_when_the_database_opens() {
    let (_dir, path) = directory();
    let db = shop(&path, 5);
    db.publish("by-price")
        .towers(scaled_towers(1.0))
        .run()
        .unwrap();
    drop(db);
    for entry in std::fs::read_dir(path.join("segments")).unwrap() {
        let segment = entry.unwrap().path();
        let whole = std::fs::read(&segment).unwrap();
        let name = segment.file_name().unwrap().to_str().unwrap().to_owned();
        for keep in [0, 10, whole.len() / 2, whole.len() - 1] {
            write_file(&path.join("segments"), &name, &whole[..keep]);
            let error = Database::open(&path).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.to_string().contains(&name), "{error}");
        }
        write_file(&path.join("segments"), &name, whole);
    }
    assert!(Database::open(&path).unwrap().check().unwrap().is_clean());
}
