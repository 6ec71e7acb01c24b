//! Options of a recall: their order makes no difference, and `explain` changes nothing but the
//! explanation.
use serde_json::{Value, json};
use std::ops::ControlFlow;
use twinspire::{Database, Hits, Quotas, WeightedSum};
use twinspire_testkit::shop::id;
use twinspire_testkit::towers::{field_towers, scaled_towers};
use twinspire_testkit::{directory, item, open_without_background};

const SPACE: &str = "by-price";

fn shop(path: &std::path::Path) -> Database {
    let db = open_without_background(path);
    let items: Vec<Value> = (0..300).map(|at| item(at, at)).collect();
    db.items().put_many(&items).unwrap();
    db.publish(SPACE).towers(scaled_towers(1.0)).run().unwrap();
    db.publish("other")
        .towers(scaled_towers(-2.0))
        .run()
        .unwrap();
    let home = WeightedSum::new().space(SPACE, 1.0).space("other", 0.5);
    db.ensembles().define("home", home).unwrap();
    let turns = Quotas::counts([(SPACE, 2), ("other", 2)]);
    db.ensembles().define("turns", turns).unwrap();
    db.items().put(&item(400, 150)).unwrap();
    db
}

/// The hits alone, without the explanation.
fn plain(hits: &Hits) -> Vec<twinspire::Hit> {
    hits.to_vec()
}

#[test]
fn hits_with_and_without_explain_are_identical() {
    let (_dir, path) = directory();
    let db = shop(&path);
    let user = json!({"price": 150});
    for name in [SPACE, "home", "turns"] {
        let searches = [false, true].map(|exact_ranks| {
            let recall = || {
                let recall = db.recall(name).user(&user).ef(20).records();
                let recall = recall.filter("price < 200").exclude(["B151"]).offset(1);
                match exact_ranks {
                    true => recall.exact_ranks(),
                    false => recall,
                }
            };
            let (without, with) = (recall().top(5).unwrap(), recall().explain().top(5).unwrap());
            assert_eq!(plain(&without), plain(&with), "{name}");
            assert!(without.explained().is_none(), "{name}");
            with.explained().unwrap().searches.len()
        });
        assert!(searches[0] > 0, "{name}");
        assert_eq!(
            searches[0], searches[1],
            "{name}: exact ranks are no part of the search"
        );
    }
}

#[test]
fn exact_ranks_are_those_of_scoring_every_item() {
    let (_dir, path) = directory();
    let db = shop(&path);
    let user = json!({"price": 150});
    for name in [SPACE, "home", "turns"] {
        let recall = || db.recall(name).user(&user).filter("price >= 100");
        let hits = recall().exact_ranks().offset(2).top(4).unwrap();
        for space in [SPACE, "other"] {
            let alone = db.recall(space).user(&user).filter("price >= 100");
            let alone = alone.exact().top(500).unwrap();
            for hit in hits.iter().filter(|_| name == space || name != SPACE) {
                let rank = alone.iter().position(|other| other.id == hit.id).unwrap() + 1;
                assert_eq!(hit.ranks[space], rank as u32, "{name} {space} {}", hit.id);
            }
        }
        assert_eq!(
            recall().top(4).unwrap()[0].ranks.is_empty(),
            name != "turns"
        );
    }
}

#[test]
fn options_may_be_set_before_and_after_the_users_of_a_batch() {
    let (_dir, path) = directory();
    let db = shop(&path);
    let users: Vec<Value> = (0..150).map(|at| json!({"price": at * 2})).collect();
    for name in [SPACE, "home"] {
        let before = db
            .recall(name)
            .filter("price >= 40")
            .offset(1)
            .users(&users);
        let after = db
            .recall(name)
            .users(&users)
            .offset(1)
            .filter("price >= 40");
        let (before, after) = (before.top(3).unwrap(), after.top(3).unwrap());
        assert_eq!(before, after, "{name}");
        for (user, hits) in users.iter().zip(&before) {
            let one = db.recall(name).offset(1).user(user).filter("price >= 40");
            assert_eq!(&one.top(3).unwrap(), hits, "{name} {user}");
        }
        let min_score = before[0][0].score;
        let near = db.recall(name).users(&users[..1]).all_at_least(min_score);
        assert!(near.unwrap()[0].len() >= 2, "{name}");
    }
    let bad = [json!({"price": 1}), json!({"price": "cheap"})];
    for name in [SPACE, "home"] {
        let error = db.recall(name).users(&bad).top(1).unwrap_err();
        assert!(error.to_string().contains("user 2 of the batch"), "{error}");
    }
    assert!(db.recall(SPACE).users(&[]).top(1).unwrap().is_empty());
}

#[test]
fn each_user_of_a_batch_is_answered_by_itself() {
    let (_dir, path) = directory();
    let db = shop(&path);
    let users: Vec<Value> = (0..600)
        .map(|at| match at % 100 {
            7 => json!({"price": "cheap"}),
            _ => json!({"price": at % 50}),
        })
        .collect();
    // Exact answers of a batch are found by one scan.
    for (name, exact) in [
        (SPACE, false),
        (SPACE, true),
        ("home", false),
        ("home", true),
    ] {
        let recall = || {
            let recall = db.recall(name);
            if exact { recall.exact() } else { recall }
        };
        let all = recall().users(&users).top_each(2).unwrap();
        let mut streamed = Vec::new();
        recall()
            .users(&users)
            .each(2, |at, answer| {
                assert_eq!(at, streamed.len());
                streamed.push(answer);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!((all.len(), streamed.len()), (600, 600));
        for (at, (one, other)) in all.iter().zip(&streamed).enumerate() {
            match (one, other) {
                (Ok(one), Ok(other)) => {
                    assert_eq!(one, other);
                    let alone = recall().user(&users[at]).top(2);
                    assert_eq!(*one, alone.unwrap(), "{name}, user {at}");
                }
                (Err(one), Err(other)) => {
                    assert_eq!(at % 100, 7);
                    let says = format!("user {} of the batch", at + 1);
                    assert!(one.to_string().contains(&says) && other.to_string().contains(&says));
                }
                other => panic!("{other:?}"),
            }
        }
        // Users that come one by one have the same answers, errors and places.
        let read = recall().users_from(users.iter().cloned()).top_each(2);
        for (one, other) in all.iter().zip(read.unwrap()) {
            match (one, other) {
                (Ok(one), Ok(other)) => assert_eq!(*one, other),
                (one, other) => assert_eq!(
                    one.as_ref().unwrap_err().to_string(),
                    other.unwrap_err().to_string()
                ),
            }
        }
        let error = recall().users_from(users.clone()).top(2).unwrap_err();
        assert!(error.to_string().contains("user 8 of the batch"), "{error}");
        let mut seen = 0;
        let stopped = recall().users(&users).each(1, |_, _| {
            seen += 1;
            ControlFlow::Break(())
        });
        assert!(stopped.is_ok() && seen == 1);
        let first = all[1].as_ref().unwrap()[0].id.clone();
        let exclude = [vec![], vec![first.clone()]];
        let without = recall()
            .users(&users[..3])
            .exclude_each(&exclude)
            .top(2)
            .unwrap();
        let read = recall().users_from(users[..3].to_vec());
        assert_eq!(read.exclude_each(&exclude).top(2).unwrap(), without);
        assert_eq!(without[0], *all[0].as_ref().unwrap());
        assert_eq!(without[1][0].id, all[1].as_ref().unwrap()[1].id);
        assert_eq!(without[2], *all[2].as_ref().unwrap());
    }
}

/// More users than are read ahead, by the only thread that could answer them.
#[test]
fn users_are_read_by_a_thread_that_answers_them_too() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    let records: Vec<Value> = (0..40).map(|at| json!({"id": id(at), "x": at})).collect();
    db.items().put_many(&records).unwrap();
    let towers = field_towers("l2", &["x"]);
    db.publish("line").towers(towers).run().unwrap();
    let users: Vec<Value> = (0..2000).map(|at| json!({"x": at % 40})).collect();
    let expected = db.recall("line").users(&users).top(1).unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let read = || db.recall("line").users_from(users.iter().cloned()).top(1);
    assert_eq!(pool.unwrap().install(read).unwrap(), expected);
    assert_eq!(read().unwrap(), expected);
}

#[test]
fn an_item_is_not_similar_to_itself_in_any_space_of_an_ensemble() {
    let (_dir, path) = directory();
    let db = Database::open(&path).unwrap();
    let records: Vec<Value> = (0..40)
        .map(|at| json!({"id": id(at), "x": at, "y": 1}))
        .collect();
    db.items().put_many(&records).unwrap();
    db.publish("plane")
        .towers(field_towers("l2", &["x"]))
        .run()
        .unwrap();
    db.publish("near")
        .towers(field_towers("l2", &["x", "y"]))
        .run()
        .unwrap();
    let both = WeightedSum::new().space("plane", 1.0).space("near", 1.0);
    db.ensembles().define("both", both).unwrap();
    for name in ["plane", "both"] {
        let hits = db.recall(name).similar(&id(20)).exact().top(2).unwrap();
        let ids: Vec<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
        assert_eq!(ids, [id(19), id(21)], "{name}");
    }
}
