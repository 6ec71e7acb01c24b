//! Spaces whose vectors come from elsewhere, and publishes that leave items out.
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Mutex;
use twinspire::{
    Database, Error, ErrorKind, GenerationInfo, GenerationNo, Metric, Progress, ProgressStage,
    Storage, Towers,
};
use twinspire_testkit::towers::{self, scaled_towers};
use twinspire_testkit::{directory, item, open_without_background};

const SPACE: &str = "elsewhere";

fn text_item(id: &str) -> Value {
    json!({"id": id, "text": "words"})
}

fn with_items(path: &Path, ids: &[&str]) -> Database {
    let db = open_without_background(path);
    let items: Vec<Value> = ids.iter().map(|id| text_item(id)).collect();
    db.items().put_many(&items).unwrap();
    db
}

fn flat() -> Towers {
    Towers::vectors_only("elsewhere", 1, Metric::L2).unwrap()
}

/// Every id the space answers with, and its vector, which is how far it is from 0.
fn answers(db: &Database) -> BTreeMap<String, f32> {
    let hits = db.recall(SPACE).vector(&[0.0]).exact().top(100).unwrap();
    hits.iter()
        .map(|hit| (hit.id.clone(), (-hit.score).sqrt()))
        .collect()
}

fn expected(pairs: &[(&str, f32)]) -> BTreeMap<String, f32> {
    pairs.iter().map(|(id, x)| ((*id).to_owned(), *x)).collect()
}

#[test]
fn vectors_of_items_are_those_that_recalls_compare() {
    let (_dir, path) = directory();
    let db = with_items(&path, &["a", "b", "c"]);
    let given = [("c", [3.0]), ("a", [1.0]), ("b", [2.0])];
    let publish = db.publish(SPACE).towers(flat()).vectors(given);
    publish.run().unwrap();
    assert_eq!(db.vectors(SPACE, ["b", "a", "b"]).unwrap(), [2.0, 1.0, 2.0]);
    assert_eq!(db.vectors(SPACE, [""; 0]).unwrap(), [0.0; 0]);
    let state = db.pin();
    // Written again, an item keeps its vector; deleted, it has none, and neither has a new one.
    db.items().put(&text_item("b")).unwrap();
    db.items().delete("c").unwrap();
    db.items().put(&text_item("new")).unwrap();
    assert_eq!(db.vectors(SPACE, ["a", "b"]).unwrap(), [1.0, 2.0]);
    for id in ["c", "new", "nope"] {
        let error = db.vectors(SPACE, ["a", id]).unwrap_err();
        assert!(
            matches!(&error, Error::UnknownItem { id: found } if found == id),
            "{error}"
        );
    }
    db.seal().unwrap();
    assert_eq!(db.vectors(SPACE, ["a", "b"]).unwrap(), [1.0, 2.0]);
    assert!(db.vectors(SPACE, ["c"]).is_err());
    assert_eq!(state.vectors(SPACE, ["c"]).unwrap(), [3.0]);
    let error = db.vectors("nope", ["a"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn vectors_from_elsewhere_are_answered_with() {
    let (_dir, path) = directory();
    let db = with_items(&path, &["a", "b", "c"]);
    let given = [("c", [3.0]), ("a", [1.0]), ("b", [2.0])];
    let generation = db
        .publish(SPACE)
        .towers(flat())
        .vectors(given)
        .run()
        .unwrap();
    assert!(generation.partial);
    assert_eq!((generation.items, generation.left_out), (3, 0));
    let all = expected(&[("a", 1.0), ("b", 2.0), ("c", 3.0)]);
    assert_eq!(answers(&db), all);
    let hits = db.recall(SPACE).similar("a").top(1).unwrap();
    assert_eq!(hits[0].id, "b");
    drop(db);
    let db = open_without_background(&path);
    assert_eq!(answers(&db), all);
    assert!(db.check().unwrap().problems.is_empty());

    // There is nobody who could embed a user.
    let error = db.recall(SPACE).user(&json!({})).top(1).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("there is no user tower; ask with a vector"),
        "{error}"
    );
}

#[test]
fn a_user_tower_alone_asks_for_vectors_from_elsewhere() {
    let (_dir, path) = directory();
    let db = with_items(&path, &["a", "b"]);
    let mut files = towers::scaled(10.0);
    let mut schema: Value = serde_json::from_slice(&files[0].1).unwrap();
    schema.as_object_mut().unwrap().remove("item");
    files[0].1 = schema.to_string().into_bytes();
    files.retain(|(name, _)| name != "item.safetensors");
    let towers = towers::open(&files);
    assert!(towers.embed_item(&text_item("a")).is_err());
    db.publish(SPACE)
        .towers(towers.clone())
        .vectors([("a", [10.0]), ("b", [50.0])])
        .run()
        .unwrap();
    let hits = db
        .recall(SPACE)
        .user(&json!({"price": 4.9}))
        .top(1)
        .unwrap();
    assert_eq!(hits[0].id, "b");
    let error = db.publish(SPACE).towers(towers).run().unwrap_err();
    assert!(error.to_string().contains("have no item tower"), "{error}");
    let error = db
        .publish(SPACE)
        .towers(scaled_towers(1.0))
        .vectors([("a", [1.0])])
        .run();
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("have an item tower"), "{error}");
}

#[test]
fn a_vector_that_cannot_be_used_ends_the_publish_or_is_left_out() {
    type Bad<'a> = (&'a [(&'a str, Vec<f32>)], &'a str);
    let (_dir, path) = directory();
    let db = with_items(&path, &["a", "b", "c"]);
    let bad: [Bad<'_>; 5] = [
        (
            &[("a", vec![1.0, 2.0])],
            "2 components, the space has dimension 1",
        ),
        (
            &[("who", vec![1.0])],
            "\"who\" cannot be used: there is no such item",
        ),
        (&[("a", vec![f32::NAN])], "\"a\" cannot be used"),
        (
            &[("a", vec![1.0]), ("a", vec![1.0])],
            "the item was given a vector before",
        ),
        (
            &[("a", vec![1.0]), ("c", vec![1.0])],
            "item \"b\" has no vector for space \"elsewhere\"; 1 of 3",
        ),
    ];
    for (given, what) in &bad {
        let error = db
            .publish(SPACE)
            .towers(flat())
            .vectors(given.to_vec())
            .run()
            .unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    assert!(db.spaces().is_empty());
    let told = Mutex::new(Vec::new());
    let given = bad[..4].iter().flat_map(|(given, _)| given.to_vec());
    let given = given.map(|(id, vector)| Ok::<_, Error>((id.to_owned(), vector)));
    let generation = db
        .publish(SPACE)
        .towers(flat())
        .try_vectors(given)
        .leave_out(|error: &Error| {
            told.lock().unwrap().push(error.to_string());
        })
        .run();
    assert_eq!(generation.unwrap().left_out, 2);
    assert_eq!(answers(&db), expected(&[("a", 1.0)]));
    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), 6, "{told:?}");
    assert!(told[5].contains("item \"c\" has no vector"), "{told:?}");

    let broken = [Ok(("a".to_owned(), vec![1.0])), Err("the disk is gone")];
    let error = db
        .publish(SPACE)
        .towers(flat())
        .try_vectors(broken)
        .leave_out(|_| ())
        .run()
        .unwrap_err();
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    assert_eq!(answers(&db), expected(&[("a", 1.0)]), "as before");
    let nothing = Vec::<Result<_, String>>::new();
    let none = db
        .publish(SPACE)
        .towers(flat())
        .try_vectors(nothing)
        .leave_out(|_| ())
        .run();
    assert!(matches!(none, Err(Error::NoItems)));
}

#[test]
fn what_a_tower_cannot_embed_ends_the_publish_or_is_left_out() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let many = (0..600).map(|id| match id % 3 {
        0 => json!({"id": format!("B{id:03}"), "name": "no price"}),
        _ => item(id, id),
    });
    db.items().put_many(&many.collect::<Vec<_>>()).unwrap();
    let error = db
        .publish(SPACE)
        .towers(scaled_towers(1.0))
        .run()
        .unwrap_err();
    assert!(
        matches!(&error, Error::Embed { id, .. } if id == "B000"),
        "{error}"
    );
    let told = Mutex::new(Vec::new());
    let generation = db
        .publish(SPACE)
        .towers(scaled_towers(1.0))
        .leave_out(|error: &Error| match error {
            Error::Embed { id, .. } => told.lock().unwrap().push(id.clone()),
            other => panic!("{other}"),
        })
        .run()
        .unwrap();
    assert_eq!((generation.items, generation.left_out), (400, 200));
    let mut told = told.into_inner().unwrap();
    told.sort();
    let left_out = (0..600).step_by(3).map(|id| format!("B{id:03}"));
    assert_eq!(told, Vec::from_iter(left_out));

    // Later writes are not refused either, and a database that has such can be opened.
    let known = |db: &Database| db.stats().unwrap().spaces[SPACE].items;
    db.items().put(&json!({"id": "B601"})).unwrap();
    db.items().put(&json!({"id": "B001"})).unwrap();
    assert_eq!(known(&db), 399);
    drop(db);
    let db = open_without_background(&path);
    assert_eq!(known(&db), 399);
    db.seal().unwrap();
    assert_eq!(known(&db), 399);
    assert!(db.check().unwrap().problems.is_empty());
    db.items().put(&item(1, 1)).unwrap();
    assert_eq!(known(&db), 400);
    // Without a policy the space is whole again, or it is not published.
    assert!(db.publish(SPACE).towers(scaled_towers(2.0)).run().is_err());
    for id in (0..600).step_by(3).chain([601]) {
        db.items().put(&item(id, id)).unwrap();
    }
    let generation = db.publish(SPACE).towers(scaled_towers(2.0)).run().unwrap();
    assert_eq!((generation.items, generation.partial), (601, false));
    assert!(db.items().put(&json!({"id": "B602"})).is_err());
}

#[test]
fn rounded_vectors_are_not_taken_for_full_ones() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    db.items().put(&json!({"id": "a", "price": 0.1})).unwrap();
    let mut scores = Vec::new();
    for storage in [Storage::Full, Storage::Half, Storage::Half, Storage::Full] {
        db.publish(SPACE)
            .towers(scaled_towers(1.0))
            .storage(storage)
            .run()
            .unwrap();
        let hits = db.recall(SPACE).vector(&[0.0]).top(1).unwrap();
        scores.push(hits[0].score);
    }
    assert_eq!(scores[0], -0.1f32 * 0.1);
    assert_eq!(scores[0], scores[3]);
    assert_eq!(scores[1], scores[2]);
    assert_ne!(scores[0], scores[1]);
}

/// What is done to a space with vectors from elsewhere.
#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    Delete(u8),
    /// Vectors of the items there are whose numbers the mask has.
    Publish(u8),
    Rollback,
    Seal,
    Merge,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0u8..8).prop_map(Step::Put),
        2 => (0u8..8).prop_map(Step::Delete),
        2 => any::<u8>().prop_map(Step::Publish),
        1 => Just(Step::Rollback),
        2 => Just(Step::Seal),
        1 => Just(Step::Merge),
        2 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn an_item_keeps_the_vector_it_was_given_until_it_is_deleted(steps in steps()) {
        let (_dir, path) = directory();
        let mut db = open_without_background(&path);
        let mut items: BTreeMap<u8, bool> = BTreeMap::new();
        // The vectors each answers with, or did when it was last active.
        let mut generations: Vec<BTreeMap<u8, f32>> = Vec::new();
        let mut active = 0;
        let name = |id: u8| format!("i{id}");
        for (at, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put(id) => {
                    db.items().put(&json!({"id": name(id), "at": at})).unwrap();
                    items.insert(id, true);
                }
                Step::Delete(id) => {
                    db.items().delete(&name(id)).unwrap();
                    if let Some(there) = items.get_mut(&id) {
                        *there = false;
                    }
                    if let Some(plain) = generations.get_mut(active) {
                        plain.remove(&id);
                    }
                }
                Step::Publish(mask) => {
                    let there = items.iter().filter(|(_, there)| **there).map(|(id, _)| *id);
                    let given: BTreeMap<u8, f32> = there
                        .filter(|id| mask & (1 << id) != 0)
                        .map(|id| (id, at as f32 * 10.0 + f32::from(id)))
                        .collect();
                    let vectors = given.iter().map(|(id, x)| Ok::<_, String>((name(*id), vec![*x])));
                    let published = db.publish(SPACE).towers(flat()).try_vectors(vectors).leave_out(|_| ()).retain(9).run();
                    prop_assert_eq!(published.is_ok(), !given.is_empty());
                    if published.is_ok() {
                        generations.push(given);
                        active = generations.len() - 1;
                    }
                }
                Step::Rollback => {
                    // Writes that are not sealed tell of deletes in between, sealed ones do not.
                    db.seal().unwrap();
                    if active > 0 {
                        db.rollback(SPACE).run().unwrap();
                        active -= 1;
                        generations[active].retain(|id, _| items.get(id) == Some(&true));
                    }
                }
                Step::Seal => drop(db.seal().unwrap()),
                Step::Merge => db.merge().unwrap(),
                Step::Reopen => {
                    drop(db);
                    db = open_without_background(&path);
                }
            }
            if let Some(plain) = generations.get(active) {
                let expected: BTreeMap<String, f32> =
                    plain.iter().map(|(id, x)| (name(*id), *x)).collect();
                prop_assert_eq!(answers(&db), expected);
            }
        }
        prop_assert!(db.check().unwrap().problems.is_empty());
    }
}

#[test]
fn the_generations_of_a_space_may_be_of_either_kind() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    db.items().put_many(&[item(1, 10), item(2, 20)]).unwrap();
    db.publish(SPACE).towers(scaled_towers(1.0)).run().unwrap();
    db.publish(SPACE)
        .towers(flat())
        .vectors([("B001", [7.0]), ("B002", [8.0])])
        .run()
        .unwrap();
    db.items().put_many(&[item(1, 11), item(3, 30)]).unwrap();
    assert_eq!(answers(&db), expected(&[("B001", 7.0), ("B002", 8.0)]));
    db.rollback(SPACE).run().unwrap();
    let all = expected(&[("B001", 11.0), ("B002", 20.0), ("B003", 30.0)]);
    assert_eq!(answers(&db), all);
    db.rollback(SPACE).to(GenerationNo(2)).run().unwrap();
    assert_eq!(answers(&db), expected(&[("B001", 7.0), ("B002", 8.0)]));
    let kinds: Vec<(bool, bool)> = db
        .generations(SPACE)
        .unwrap()
        .iter()
        .map(|generation: &GenerationInfo| (generation.partial, generation.active))
        .collect();
    assert_eq!(kinds, [(false, false), (true, true)]);
}

#[test]
fn a_rollback_embeds_on_all_cores_tells_how_far_it_is_and_can_be_given_up() {
    use std::sync::atomic::{AtomicU64, Ordering};
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let items =
        |range: std::ops::Range<usize>| -> Vec<Value> { range.map(|id| item(id, id)).collect() };
    db.items().put_many(&items(0..10)).unwrap();
    db.publish(SPACE).towers(scaled_towers(1.0)).run().unwrap();
    db.publish(SPACE).towers(scaled_towers(2.0)).run().unwrap();
    db.items().put_many(&items(5..3_000)).unwrap();
    let stop = |progress: &Progress| {
        let caught_up = (progress.stage, progress.total);
        assert_eq!(caught_up, (ProgressStage::CatchUp, 2_995));
        ControlFlow::Break(())
    };
    let given_up = db.rollback(SPACE).progress(stop).run();
    assert!(matches!(given_up, Err(Error::Cancelled)));
    assert_eq!(db.generations(SPACE).unwrap()[1].number, GenerationNo(2));
    assert!(
        db.generations(SPACE).unwrap()[1].active,
        "nothing has changed"
    );
    let most = AtomicU64::new(0);
    let told = |progress: &Progress| {
        most.fetch_max(progress.done, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    db.rollback(SPACE)
        .to(GenerationNo(1))
        .progress(told)
        .run()
        .unwrap();
    assert_eq!(most.load(Ordering::Relaxed), 2_995);
    let user = json!({"price": 2_999});
    let hits = db.recall(SPACE).user(&user).exact().top(3_000).unwrap();
    assert_eq!((hits.len(), hits[0].score), (3_000, 0.0));
    for hit in &hits {
        let price: f32 = hit.id[1..].parse().unwrap();
        assert_eq!(hit.score, -(2_999.0 - price).powi(2));
    }
}

#[test]
fn an_item_that_was_deleted_and_put_again_has_lost_its_vector_sealed_or_not() {
    for sealed in [false, true] {
        let (_dir, path) = directory();
        let db = with_items(&path, &["a", "b", "c"]);
        let given = [("a", [1.0]), ("b", [2.0]), ("c", [3.0])];
        db.publish(SPACE)
            .towers(flat())
            .vectors(given)
            .run()
            .unwrap();
        for id in ["a", "b"] {
            db.items().put(&json!({"id": id, "text": "new"})).unwrap();
        }
        db.items().delete("b").unwrap();
        db.items().put(&text_item("b")).unwrap();
        db.items()
            .put(&json!({"id": "b", "text": "again"}))
            .unwrap();
        if sealed {
            db.seal().unwrap();
        }
        let left = expected(&[("a", 1.0), ("c", 3.0)]);
        assert_eq!(answers(&db), left);
        drop(db);
        assert_eq!(
            answers(&open_without_background(&path)),
            left,
            "sealed: {sealed}"
        );
    }
}

#[test]
fn an_export_has_no_vector_of_an_item_that_was_left_out() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    db.items()
        .put_many(&[json!({"id": "a"}), json!({"id": "b"})])
        .unwrap();
    let towers = Towers::vectors_only("given", 2, Metric::L2).unwrap();
    let vectors = [Ok::<_, Error>(("b".to_owned(), vec![1.0, 2.0]))];
    db.publish("given")
        .towers(towers)
        .try_vectors(vectors)
        .leave_out(|_| ())
        .run()
        .unwrap();
    let all: Result<Vec<_>, Error> = db.export().vectors(["given"]).run().unwrap().collect();
    let vectors = all.unwrap().into_iter().map(|exported| exported.vectors);
    let of = |vector| BTreeMap::from([("given".to_owned(), vector)]);
    assert!(vectors.eq([BTreeMap::new(), of(vec![1.0, 2.0])]));
}
