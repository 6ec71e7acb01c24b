//! Ensembles answer as if every item were scored in every space.
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use twinspire::{
    Cascade, Database, Ensemble, Error, ErrorKind, Normalisation, NormalisedSum, Quotas,
    RankFusion, WeightedSum,
};
use twinspire_testkit::database::ids;
use twinspire_testkit::towers::field_towers;
use twinspire_testkit::{directory, open_without_background};

fn record(id: usize, numbers: &[f32]) -> Value {
    json!({"id": format!("B{id:03}"), "x": numbers[0], "y": numbers[1], "z": numbers[2]})
}

/// A database with a space of x and y, one of y and z, and some items written after the publish.
fn database(path: &Path, items: &[Vec<f32>]) -> Database {
    let db = open_without_background(path);
    let records: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(id, n)| record(id, n))
        .collect();
    let (early, late) = records.split_at(records.len() / 2 + 1);
    db.items().put_many(early).unwrap();
    db.publish("plane")
        .towers(field_towers("inner_product", &["x", "y"]))
        .run()
        .unwrap();
    db.publish("other")
        .towers(field_towers("l2", &["y", "z"]))
        .run()
        .unwrap();
    db.items().put_many(late).unwrap();
    db
}

/// The fused scores of all items, best first.
fn brute(items: &[Vec<f32>], user: &[f32], plane: f32, other: f32) -> Vec<f32> {
    let score = |item: &Vec<f32>| {
        let (dy, dz) = (item[1] - user[1], item[2] - user[2]);
        plane * (item[0] * user[0] + item[1] * user[1]) - other * (dy * dy + dz * dz)
    };
    let mut scores: Vec<f32> = items.iter().map(score).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_weighted_recall_equals_scoring_every_item_in_every_space(
        items in vec(vec(-1.0f32..1.0, 3), 2..120),
        user in vec(-1.0f32..1.0, 3),
        (plane, other) in (0.01f32..3.0, 0.01f32..3.0),
        k in 1usize..20,
    ) {
        let (_dir, path) = directory();
        let db = database(&path, &items);
        let both = WeightedSum::new().space("plane", plane).space("other", other);
        db.ensembles().define("both", both).unwrap();
        let query = json!({"x": user[0], "y": user[1], "z": user[2]});
        let expected = brute(&items, &user, plane, other);
        for (exact, ef) in [(true, 1), (false, 100), (false, 1)] {
            let recall = db.recall("both").user(&query).ef(ef);
            let recall = if exact { recall.exact() } else { recall };
            let hits = recall.top(k).unwrap();
            prop_assert_eq!(hits.len(), k.min(items.len()));
            for (hit, expected) in hits.iter().zip(&expected) {
                // A narrow beam may miss some; what it gives has its true score all the same.
                let right = (hit.score - expected).abs() < 1e-4;
                prop_assert!(right || ef == 1 && hit.score < *expected, "{hit:?}, {expected}");
                let of = |space: &str| hit.channels[space];
                let sum = plane * of("plane") + other * of("other");
                prop_assert!((hit.score - sum).abs() < 1e-4);
            }
        }
    }
}

#[test]
fn the_best_sum_is_found_even_if_no_space_ranks_it_high() {
    // The best in one space are the worst in the other; the best of both is middling in each.
    let mut items: Vec<Vec<f32>> = (0..400)
        .map(|n| {
            let side = if n % 2 == 0 { 1.0 } else { -1.0 };
            vec![side * (1.0 + n as f32 / 400.0), 0.0, side * 2.0]
        })
        .collect();
    items.push(vec![0.9, 0.0, -1.0]);
    let (_dir, path) = directory();
    let db = database(&path, &items);
    let both = WeightedSum::new().space("plane", 1.0).space("other", 1.0);
    db.ensembles().define("both", both).unwrap();
    let user = json!({"x": 1.0, "y": 0.0, "z": -2.0});
    let hits = db.recall("both").user(&user).ef(1).top(1).unwrap();
    assert_eq!(hits[0].id, "B400");
    assert_eq!(hits.generations().len(), 2);
}

#[test]
fn ensembles_are_stored_replaced_removed_and_part_of_snapshots() {
    let (dir, path) = directory();
    let items: Vec<Vec<f32>> = (0..9).map(|n| vec![n as f32, 1.0, 2.0]).collect();
    let db = database(&path, &items);
    let one = WeightedSum::new().space("plane", 1.0);
    let two = one.clone().space("other", 0.5);
    db.ensembles().define("home", one).unwrap();
    db.ensembles().define("home", two.clone()).unwrap();
    drop(db);
    let db = Database::open(&path).unwrap();
    assert_eq!(
        db.ensembles().list(),
        BTreeMap::from([("home".to_owned(), two.clone().into())])
    );
    let copy = dir.path().join("copy.twin");
    db.snapshot(&copy).unwrap();
    let copy = Database::open_read_only(&copy).unwrap();
    assert_eq!(copy.ensembles().get("home"), Some(two.into()));
    let user = json!({"x": 1, "y": 0, "z": 0});
    let ask = |db: &Database| {
        let hits = db.recall("home").user(&user).top(3).unwrap();
        ids(&hits)
    };
    assert_eq!(ask(&db), ask(&copy));
    // One state for all spaces, in a batch too; and an item's likes, by its vectors in all of them.
    let users = [user.clone(), json!({"x": -1, "y": 0, "z": 0})];
    let batch = db.recall("home").users(&users).top(3).unwrap();
    assert_eq!(batch[0][0].id, ask(&db)[0]);
    assert_eq!(batch[1][0].id, "B000");
    let similar = db.recall("home").similar("B008").top(1).unwrap();
    assert_eq!(similar[0].id, "B007");
    assert!(db.ensembles().remove("home").unwrap());
    assert!(!db.ensembles().remove("home").unwrap());
    let error = db.recall("home").user(&user).top(3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn an_invalid_ensemble_is_refused_with_the_reason() {
    let (_dir, path) = directory();
    let db = database(&path, &[vec![0.0; 3], vec![1.0; 3]]);
    let define =
        |name: &str, ensemble: WeightedSum| db.ensembles().define(name, ensemble).unwrap_err();
    let plane = || WeightedSum::new().space("plane", 1.0);
    assert!(matches!(
        define("a", WeightedSum::new()),
        Error::Ensemble { .. }
    ));
    assert!(matches!(
        define("a", plane().space("plane", -1.0)),
        Error::Ensemble { .. }
    ));
    assert!(matches!(
        define("a", plane().space("no", 1.0)),
        Error::UnknownSpace { .. }
    ));
    assert!(matches!(define("../a", plane()), Error::SpaceName { .. }));
    assert!(matches!(define("other", plane()), Error::NameTaken { .. }));
    db.ensembles().define("a", plane()).unwrap();
    let taken = db
        .publish("a")
        .towers(field_towers("l2", &["x", "y"]))
        .run()
        .unwrap_err();
    assert!(matches!(taken, Error::NameTaken { .. }), "{taken}");

    db.ensembles()
        .define("both", plane().space("other", 1.0))
        .unwrap();
    let recall = || db.recall("both");
    assert!(matches!(recall().top(1), Err(Error::NoQuery)));
    let user = json!({"x": 1, "y": 2});
    let error = recall().user(&user).top(1).unwrap_err().to_string();
    assert!(error.contains("field `z`"), "{error}");
    // Each space may have features or a vector of its own.
    let whole = json!({"y": 2, "z": 3});
    let own = recall().user_in("plane", &user).user_in("other", &whole);
    assert_eq!(own.top(2).unwrap().len(), 2);
    let vectors = recall()
        .vector_in("plane", &[1.0, 2.0])
        .vector_in("other", &[2.0, 3.0]);
    assert_eq!(vectors.top(2).unwrap()[0].id, "B001");
}

#[test]
fn every_method_supports_the_options_of_a_space_recall() {
    let (_dir, path) = directory();
    let part = |at: usize, by: usize| ((at * by) % 23) as f32 / 23.0 - 0.5;
    let items = (0..80).map(|at| vec![part(at, 3), part(at, 5), part(at, 7)]);
    let items: Vec<Vec<f32>> = items.collect();
    let db = database(&path, &items);
    let weighted = WeightedSum::new();
    let ranks = RankFusion::new();
    let scaled = |by| {
        let sum = NormalisedSum::new(by).space("plane", 1.0);
        Ensemble::from(sum.space("other", 0.5))
    };
    let methods: [(&str, Ensemble); 6] = [
        (
            "weighted",
            weighted.space("plane", 1.0).space("other", 0.5).into(),
        ),
        (
            "cascade",
            Cascade::new().stage("plane", 70).stage("other", 60).into(),
        ),
        (
            "ranks",
            ranks
                .space("plane", 1.0)
                .space("other", 0.5)
                .depth(60)
                .into(),
        ),
        ("min-max", scaled(Normalisation::MinMax)),
        ("calibrated", scaled(Normalisation::Calibration)),
        (
            "quotas",
            Quotas::counts([("plane", 3), ("other", 3)]).into(),
        ),
    ];
    let user = json!({"x": 0.2, "y": -0.4, "z": 0.3});
    for (name, ensemble) in methods {
        db.ensembles().define(name, ensemble).unwrap();
        let ask = || db.recall(name).user(&user).ef(100);
        let ids = |hits: &[twinspire::Hit]| -> Vec<String> { ids(hits) };
        let first = ask().records().top(12).unwrap();
        assert_eq!(first.len(), 12);
        for hit in &first {
            assert_eq!(hit.record.as_ref().unwrap()["id"], json!(hit.id), "{name}");
            assert_eq!(hit.channels.len(), 2, "{name}");
        }
        if name != "quotas" {
            // Of quotas the lists are as long as the answer, and its scores are places.
            assert_eq!(
                ids(&ask().offset(5).top(7).unwrap()),
                ids(&first[5..]),
                "{name}"
            );
            let least = first[6].score;
            let within = ask().all_at_least(least).unwrap();
            assert!(
                within.len() >= 7 && within.iter().all(|hit| hit.score >= least),
                "{name}"
            );
            assert_eq!(ids(&within[..7]), ids(&first[..7]), "{name}");
        }
        let others = ask()
            .exclude(ids(&first[..3]))
            .filter("x < 0.4")
            .top(9)
            .unwrap();
        assert_eq!(others.len(), 9, "{name}");
        assert!(
            others.iter().all(|hit| !ids(&first[..3]).contains(&hit.id)),
            "{name}"
        );
        let enough = db
            .recall(name)
            .user(&user)
            .recall_target(0.9)
            .top(12)
            .unwrap();
        assert_eq!(enough.len(), 12, "{name}");
        // The same user, told to each space by itself.
        let nobody = json!({"x": 0, "y": 0, "z": 0});
        let each = db.recall(name).user(&nobody).ef(100);
        let each = each.user_in("plane", &user).user_in("other", &user);
        assert_eq!(ids(&each.top(12).unwrap()), ids(&first), "{name}");
        let apart = db.recall(name).vector_in("plane", &[0.2, -0.4]).ef(100);
        let apart = apart.user_in("other", &user);
        let plain = apart.clone().top(12).unwrap();
        assert_eq!(ids(&plain), ids(&first), "{name}");
        let explained = apart.clone().explain().top(12).unwrap();
        assert_eq!(explained[..], plain[..], "{name}: the same hits");
        assert!(!explained.explained().unwrap().fusion.is_empty(), "{name}");
        let exact = apart.exact_ranks().top(12).unwrap();
        assert_eq!(ids(&exact), ids(&first), "{name}");
        let listed = ["ranks", "quotas"].contains(&name);
        assert!(
            plain.iter().all(|hit| hit.ranks.is_empty() != listed),
            "{name}"
        );
        for (hit, plain) in exact.iter().zip(&plain) {
            // As a recall of the space alone has it.
            for (space, query) in [("plane", &[0.2, -0.4]), ("other", &[-0.4, 0.3])] {
                let alone = db.recall(space).vector(query).exact().top(80).unwrap();
                let place = alone.iter().position(|other| other.id == hit.id);
                let rank =
                    |hit: &twinspire::Hit| hit.ranks.get(space).map(|rank| *rank as usize - 1);
                assert_eq!(rank(hit), place, "{name} {hit:?}");
                let in_list = rank(plain);
                assert!(in_list == place || in_list.is_none(), "{name} {plain:?}");
            }
        }
        let batch = db
            .recall(name)
            .ef(100)
            .users(std::slice::from_ref(&user))
            .top(12)
            .unwrap();
        assert_eq!(ids(&batch[0]), ids(&first), "{name}");
    }
}
