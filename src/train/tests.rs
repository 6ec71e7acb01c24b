use super::*;
use crate::database::Database;
use crate::ensemble::Ensemble;
use serde_json::json;
use std::collections::HashMap;
use twinspire_towers::Event;
use twinspire_train::ebr::{Config, TRAINING, pairs, train, train_mined};
use twinspire_train::{LogParams, TrainParams};

/// Cities, each with a word of its own.
const CITIES: [(&str, f64, f64); 3] = [
    ("pizza", 40.7, -74.0),
    ("noodles", 35.7, 139.7),
    ("cheese", 46.9, 7.4),
];

/// Who asks for something anywhere takes what is near and is called so: text and place both count.
fn town() -> Dataset {
    let at = |city: usize| json!({"lat": CITIES[city].1, "lon": CITIES[city].2});
    let item = |n: usize| {
        let (word, ..) = CITIES[n % 3];
        json!({"id": format!("i{n}"), "title": format!("{word} house {n}"), "at": at(n / 3 % 3),
               "tags": [word, "food"]})
    };
    let user = |n: usize| {
        let (word, ..) = CITIES[n % 3];
        json!({"user_id": format!("u{n}"), "query": format!("good {word}"), "at": at(n / 3 % 3)})
    };
    let events = (0..90usize).flat_map(|n| {
        [0, 9, 18].map(|more| Event {
            user: format!("u{n}"),
            item: format!("i{}", (n + more) % 45),
            at: more as i64,
            weight: 1.0,
        })
    });
    Dataset {
        items: (0..45).map(item).collect(),
        users: (0..90).map(user).collect(),
        events: events.collect(),
    }
}

fn small() -> Config {
    Config {
        dimension: 8,
        item_dimension: 0,
        buckets: 256,
        negatives: 20,
        margin: 0.4,
        log: LogParams {
            user_dimension: 0,
            text_dimension: 8,
            ..LogParams::default()
        },
        training: TrainParams {
            batch: 32,
            epochs: 12,
            ..TRAINING
        },
        ..Config::default()
    }
}

#[test]
fn a_blend_publishes_both_models_and_answers_by_both() {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path().join("town.twin")).unwrap();
    db.items().put_many(&town().items).unwrap();
    let easy = train(&town(), &small(), |_| {}).unwrap().towers;
    let blend = Blend {
        hard_weight: 0.25,
        take: [6, 4],
        ..Blend::default()
    };
    db.publish(&blend.easy).towers(easy.clone()).run().unwrap();
    let pairs = pairs(&town(), &small()).unwrap();
    let mining = db
        .mine("easy")
        .ranks(2..=9)
        .per_pair(4)
        .pairs(pairs)
        .unwrap();
    let mined = mining.map(Result::unwrap);
    let hard = train_mined(None, &town(), mined, &small(), |_| {})
        .unwrap()
        .towers;
    blend.publish(&db, easy, hard).unwrap();

    let user = &town().users[4];
    let top = |name: &str, count| db.recall(name).user(user).exact().top(count).unwrap();
    let of = |name: &str| -> HashMap<String, f32> {
        let all = top(name, 45);
        all.iter().map(|hit| (hit.id.clone(), hit.score)).collect()
    };
    let (easy, hard) = (of("easy"), of("hard"));
    for hit in &top("weighted", 45) {
        let expected = 0.75 * easy[&hit.id] + 0.25 * hard[&hit.id];
        assert!((hit.score - expected).abs() < 1e-5);
    }
    let first: Vec<String> = top("easy", 6).iter().map(|hit| hit.id.clone()).collect();
    let staged = top("cascade", 10);
    assert_eq!(staged.len(), 4);
    for hit in &staged {
        assert!(first.contains(&hit.id) && hit.score == hard[&hit.id]);
    }
    let wrong = Blend {
        hard_weight: 1.0,
        ..Blend::default()
    };
    let error = wrong.define(&db).unwrap_err().to_string();
    assert!(error.contains("weight"), "{error}");
}

#[test]
fn the_ensemble_is_weighted_over_one_space_by_what_items_are_worth() {
    let expected = json!({"method": "weighted", "spaces": {"ads": 1.0},
                          "business": {"field": "bid", "default": 1.0,
                                       "score_exponent": 1.0, "field_exponent": 1.0}});
    let mut found = json!(Ensemble::from(expected_revenue("ads", "bid")));
    if let Some(found) = found.as_object_mut() {
        found.retain(|_, value| !value.is_null());
    }
    assert_eq!(found, expected);
}
