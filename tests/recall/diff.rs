//! A pinned state never changes, and a generation in it answers as after a rollback to it.
use proptest::prelude::*;
use serde_json::{Value, json};
use twinspire::{ComparisonSummary, Database, Error, ErrorKind, GenerationNo, WeightedSum};
use twinspire_testkit::database::ids;
use twinspire_testkit::shop::{Shop, any_items, any_request, id, user};
use twinspire_testkit::towers::{field_towers, scaled_towers};
use twinspire_testkit::{directory, item, open_without_background};

const SPACE: &str = "by-price";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_pinned_generation_answers_as_a_rollback_to_it_would(
        shop in any_items(false),
        request in any_request(false),
        deleted in 0usize..70,
        k in 1usize..12,
    ) {
        let shop = Shop::new(shop);
        let db = &shop.db;
        let one = GenerationNo(1);
        let both = WeightedSum::new().space("plane", 0.5).space("near", 2.0);
        db.ensembles().define("both", both).unwrap();
        db.publish("plane").towers(field_towers("inner_product", &["y", "x"])).run().unwrap();
        db.items().delete(&id(deleted % shop.items.len())).unwrap();
        db.seal().unwrap();
        db.items().put(&json!({"id": "B999", "x": 0.5, "y": 2.5, "z": 1.0, "group": 0})).unwrap();

        let user = user(&request);
        let exclude: Vec<String> = request.exclude.iter().map(|at| id(*at)).collect();
        let ask = |recall: twinspire::Recall<'_>| {
            let mut recall = recall.user(&user).exclude(exclude.clone()).records().ef(200);
            if let Some(group) = request.group {
                recall = recall.filter(format!("group = {group}").as_str());
            }
            recall.top(k).unwrap()
        };
        let now = db.pin();
        let before = now.generation("plane", one).unwrap();
        prop_assert_eq!(before.active_generation("plane").unwrap(), one);
        prop_assert_eq!(now.active_generation("plane").unwrap(), GenerationNo(2));
        for name in ["plane", "both"] {
            prop_assert_eq!(ask(now.recall(name)), ask(db.recall(name)));
        }
        let pinned = ["plane", "both"].map(|name| ask(before.recall(name)));
        // A database that is open read-only beside the writer does the same.
        let reader = Database::open_read_only(shop.path()).unwrap();
        let reading = reader.pin().generation("plane", one).unwrap();
        prop_assert_eq!(&ask(reading.recall("both")), &pinned[1]);

        db.rollback("plane").to(one).run().unwrap();
        let rolled = ["plane", "both"].map(|name| ask(db.recall(name)));
        prop_assert_eq!(&pinned, &rolled);
        prop_assert_eq!(pinned[0].generation(), one);
        prop_assert_eq!(pinned[1].generations()["plane"], one);
        // And back by the same way.
        let forth = before.generation("plane", GenerationNo(2)).unwrap();
        prop_assert_eq!(ask(forth.recall("both")), ask(now.recall("both")));
    }
}

#[test]
fn a_pinned_state_survives_writes_publishes_and_collection() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let items: Vec<Value> = (0..40).map(|at| item(at, at)).collect();
    db.items().put_many(&items).unwrap();
    db.publish(SPACE).towers(scaled_towers(1.0)).run().unwrap();
    db.publish(SPACE).towers(scaled_towers(-2.0)).run().unwrap();
    db.items().put(&item(50, 20)).unwrap();
    let pinned = db.pin();
    let before = pinned.generation(SPACE, GenerationNo(1)).unwrap();
    let user = json!({"price": 20});
    let ask = |state: &twinspire::Pinned| {
        let recall = state.recall(SPACE).user(&user).exclude(["B021"]).records();
        recall.top(4).unwrap()
    };
    let (then, then_before) = (ask(&pinned), ask(&before));
    assert_eq!(ids(&then), ["B020", "B050", "B019", "B018"]);
    assert_eq!(ids(&then_before), ids(&then));

    // Everything that a state is made of goes: items, segments, generations.
    db.items().delete("B020").unwrap();
    db.items().put(&json!({"id": "B050", "price": 21})).unwrap();
    db.items().delete("B021").unwrap();
    db.publish(SPACE)
        .towers(scaled_towers(3.0))
        .retain(1)
        .run()
        .unwrap();
    db.merge().unwrap();
    // A new item of an old name.
    db.items().put(&item(21, 20)).unwrap();
    db.seal().unwrap();
    db.merge().unwrap();
    db.collect().unwrap();
    assert_eq!(db.generations(SPACE).unwrap().len(), 1);
    assert_eq!(ids(&db.recall(SPACE).user(&user).top(1).unwrap()), ["B021"]);
    assert_eq!(ask(&pinned), then);
    assert_eq!(ask(&before), then_before);
    assert_eq!(then[1].record.as_ref().unwrap()["price"], 20);

    // What was let go since is refused, not damage.
    let error = pinned.generation(SPACE, GenerationNo(1)).unwrap_err();
    let kept = matches!(&error, Error::UnknownGeneration { kept, .. } if kept.len() == 1);
    assert!(kept, "{error}");
    drop((pinned, before));
    db.collect().unwrap();
    assert!(db.check().unwrap().problems.is_empty());
}

#[test]
fn unknown_generations_and_ensembles_cannot_be_pinned() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    db.items().put(&item(1, 1)).unwrap();
    db.publish(SPACE).towers(scaled_towers(1.0)).run().unwrap();
    let one = WeightedSum::new().space(SPACE, 1.0);
    db.ensembles().define("home", one).unwrap();
    let pinned = db.pin();
    let error = pinned.generation(SPACE, GenerationNo(7)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "space \"by-price\" keeps no generation 7; it keeps 1"
    );
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = pinned.generation("home", GenerationNo(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"home\" is made of several spaces; name one of them: by-price"
    );
    let error = pinned.generation("none", GenerationNo(1)).unwrap_err();
    assert!(matches!(error, Error::UnknownSpace { .. }), "{error}");
    // A newer item that the older tower cannot embed.
    db.publish(SPACE)
        .towers(field_towers("l2", &["cost"]))
        .run()
        .unwrap_err();
    db.items()
        .put(&json!({"id": "B002", "price": 2, "cost": 3}))
        .unwrap();
    db.items().delete("B001").unwrap();
    db.publish(SPACE)
        .towers(field_towers("l2", &["cost"]))
        .run()
        .unwrap();
    db.items().put(&json!({"id": "B003", "cost": 3})).unwrap();
    let error = db.pin().generation(SPACE, GenerationNo(1)).unwrap_err();
    assert!(
        matches!(&error, Error::Embed { id, .. } if id == "B003"),
        "{error}"
    );
}

#[test]
fn answers_of_two_generations_are_compared_for_one_user_and_for_many() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    let records: Vec<Value> = (0..30)
        .map(|at| json!({"id": id(at), "x": at, "y": at % 7}))
        .collect();
    db.items().put_many(&records).unwrap();
    db.publish("plane")
        .towers(field_towers("inner_product", &["x", "y"]))
        .run()
        .unwrap();
    db.publish("plane")
        .towers(field_towers("inner_product", &["y", "x"]))
        .run()
        .unwrap();
    let now = db.pin();
    let before = now.generation("plane", GenerationNo(1)).unwrap();
    // Each user by the generation's own tower: the fields are swapped on both sides, and scores stay.
    let users: Vec<Value> = (0..5).map(|at| json!({"x": at, "y": 1})).collect();
    let ask = |state: &twinspire::Pinned| state.recall("plane").users(&users).top(5).unwrap();
    let (one, other) = (ask(&before), ask(&now));
    let comparisons = one
        .iter()
        .zip(&other)
        .map(|(one, other)| one.compare(other));
    let summary: ComparisonSummary = comparisons.collect();
    assert_eq!((summary.users, summary.same_order), (5, 1.0));
    assert!(summary.movers.is_empty());

    let two = now.recall("plane").user(&users[2]).top(3).unwrap();
    let all = before.recall("plane").user(&users[2]).top(5).unwrap();
    let comparison = all.compare(&two);
    assert_eq!((comparison.depth, comparison.overlap), (5, 3));
    assert_eq!(comparison.only_in_first().count(), 2);
    assert!(comparison.is_same_first());
}
