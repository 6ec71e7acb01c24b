use super::describe::describe;
use super::*;
use crate::HoldOut;
use crate::dataset::Dataset;
use crate::log_params::LogParams;
use crate::sampler::Logs;
use crate::train_params::TrainParams;
use serde_json::Value;
use serde_json::json;
use twinspire_towers::Event;
use twinspire_towers::{MinedPair, Towers};

/// Cities, each with a dish and a place.
const CITIES: [(&str, f64, f64); 3] = [
    ("pizza", 40.7, -74.0),
    ("noodles", 35.7, 139.7),
    ("cheese", 46.9, 7.4),
];

/// Users take items that match their query and are near: text and place both matter.
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

/// Numbers of the best items for a user.
fn best(towers: &Towers, user: &Value, count: usize) -> Vec<usize> {
    let user = towers.embed_user(user).unwrap();
    let items = town().items;
    let score = |n: &usize| -> f32 {
        let item = towers.embed_item(&items[*n]).unwrap();
        user.iter().zip(&item).map(|(a, b)| a * b).sum()
    };
    let mut order: Vec<(f32, usize)> = (0..items.len()).map(|n| (score(&n), n)).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    order[..count].iter().map(|(_, n)| *n).collect()
}

/// Pairs whose negatives are all items with the right word in the wrong place.
fn mined() -> Vec<MinedPair> {
    let each = (0..90usize).map(|n| {
        let others = (0..45).filter(|i| i % 3 == n % 3 && i / 3 % 3 != n / 3 % 3);
        let negatives: Vec<Value> = others.map(|i| json!({"id": format!("i{i}")})).collect();
        let positive = format!("i{}", n % 45);
        let line = json!({"user": {"user_id": format!("u{n}")}, "positive": positive,
                          "hard_positive": n % 2 == 0, "negatives": negatives});
        serde_json::from_value(line).unwrap()
    });
    each.collect()
}

#[test]
fn it_learns_from_texts_places_and_sets_together() {
    let trained = train(&town(), &small(), |_| {}).unwrap();
    let losses = &trained.report.losses;
    assert!(losses.last() < losses.first(), "{losses:?}");
    for (n, user) in town().users.iter().enumerate().take(9) {
        for item in best(&trained.towers, user, 5) {
            assert_eq!(
                (item % 3, item / 3 % 3),
                (n % 3, n / 3 % 3),
                "{user}: {item}"
            );
        }
    }
    let info = serde_json::to_value(trained.towers.describe())
        .unwrap()
        .to_string();
    for field in ["query", "title", "at", "tags"] {
        assert!(info.contains(&format!("\"{field}\"")), "{field}: {info}");
    }
    assert!(
        !info.contains("history") && !info.contains("\"item_id\""),
        "{info}"
    );
}

#[test]
fn it_learns_from_histories_and_ids_alone() {
    let event = |n: usize, at: usize| Event {
        user: format!("u{n}"),
        item: format!("i{}", (n % 2 + 2 * (n + 3 * at)) % 20),
        at: at as i64,
        weight: 1.0,
    };
    let data = Dataset {
        items: (0..20).map(|n| json!({"id": format!("i{n}")})).collect(),
        users: Vec::new(),
        events: (0..30)
            .flat_map(|n| (0..8).map(move |at| event(n, at)))
            .collect(),
    };
    for nearest in [0, 2] {
        let config = Config {
            item_dimension: 8,
            nearest,
            average: 0.5,
            log: LogParams {
                user_dimension: 4,
                ..small().log
            },
            ..small()
        };
        let towers = train(&data, &config, |_| {}).unwrap().towers;
        let odd = |history: Value| -> usize {
            let user = towers.embed_user(&json!({ "history": history })).unwrap();
            let score = |n: usize| -> f32 {
                let item = towers.embed_item(&data.items[n]).unwrap();
                user.iter().zip(&item).map(|(a, b)| a * b).sum()
            };
            let mut order: Vec<usize> = (0..20).collect();
            order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
            order[..5].iter().filter(|n| *n % 2 == 1).count()
        };
        let (odds, evens) = (
            odd(json!(["i1", "i3", "i5"])),
            odd(json!(["i2", "i8", "i4"])),
        );
        assert!(odds >= 4 && evens <= 1, "{odds} and {evens} of 5");
    }
}

#[test]
fn mined_negatives_alone_teach_the_distinction_they_encode() {
    let learn = |mined: Vec<MinedPair>, config: &Config| {
        let told = &mut Vec::new();
        let trained = train_mined(None, &town(), mined, config, |p| told.push(p)).unwrap();
        let last = told.last().unwrap();
        assert_eq!((last.done, last.done), (told.len() as u64 - 1, last.total));
        trained
    };
    let mixed = Config { easy: 1, ..small() };
    let [with, without] = [mined(), Vec::new()].map(|mined| learn(mined, &mixed));
    assert_eq!(with.report.examples, 270);
    assert_ne!(with.towers.hash(), without.towers.hash());
    // With no share of the negatives they count for nothing.
    let none = Config {
        hard: 0,
        ..mixed.clone()
    };
    assert_eq!(learn(mined(), &none).towers.hash(), without.towers.hash());
    let weighted = Config {
        hard_positive_weight: 4.0,
        ..none
    };
    assert_ne!(
        learn(mined(), &weighted).towers.hash(),
        without.towers.hash()
    );

    let alone = Config {
        easy: 0,
        training: TrainParams {
            epochs: 20,
            ..small().training
        },
        ..small()
    };
    let trained = learn(mined(), &alone);
    // The examples that have any: the first item of each user.
    assert_eq!(trained.report.examples, 90);
    for (n, user) in town().users.iter().enumerate().take(9) {
        let same_word = best(&trained.towers, user, 45).into_iter();
        let same_word: Vec<usize> = same_word.filter(|item| item % 3 == n % 3).collect();
        for item in &same_word[..5] {
            assert_eq!(item / 3 % 3, n / 3 % 3, "{user}: {same_word:?}");
        }
    }
}

#[test]
fn warm_up_epochs_come_first_and_are_counted() {
    let config = Config {
        hard_passes: 2,
        training: TrainParams {
            epochs: 3,
            ..small().training
        },
        ..small()
    };
    let mut told = Vec::new();
    let trained = train_mined(None, &town(), mined(), &config, |p| told.push(p)).unwrap();
    // 90 examples in batches of 32, and 270.
    let batches = |epoch: usize| told.iter().skip(1).filter(|p| p.epoch == epoch).count();
    assert_eq!([1, 2, 3, 4, 5].map(batches), [3, 3, 9, 9, 9]);
    assert!(told.iter().all(|p| p.total == 33 && p.epochs == 5));
    assert_eq!((trained.report.losses.len(), trained.report.kept), (5, 5));
    // One that ends after the hard passes has learnt from mined negatives alone.
    let alone = Config {
        hard_passes: 0,
        easy: 0,
        training: TrainParams {
            epochs: 2,
            ..config.training.clone()
        },
        ..config
    };
    let alone = train_mined(None, &town(), mined(), &alone, |_| {}).unwrap();
    assert_eq!(alone.report.losses, trained.report.losses[..2]);
}

#[test]
fn early_stopping_ignores_warm_up_epochs_but_numbers_them() {
    let config = Config {
        hard_passes: 1,
        training: TrainParams {
            epochs: 40,
            patience: 2,
            ..small().training
        },
        ..small()
    };
    let report = train_mined(None, &town(), mined(), &config, |_| {})
        .unwrap()
        .report;
    assert_eq!(
        (report.metric.as_deref(), report.examples),
        (Some("ndcg"), 180)
    );
    let passes = report.validations.len();
    assert!(passes < 41 && passes == report.losses.len(), "{report:?}");
    assert!(report.kept > 1 && passes - report.kept == 2, "{report:?}");
    let best = report.validations[1..].iter().copied().fold(0.0, f64::max);
    assert_eq!(report.validations[report.kept - 1], best);
}

#[test]
fn a_warm_start_continues_and_a_seed_fixes_the_towers_on_any_number_of_cores() {
    let short = Config {
        training: TrainParams {
            epochs: 3,
            ..small().training
        },
        ..small()
    };
    let first = train(&town(), &short, |_| {}).unwrap();
    let again = train_from(Some(&first.towers), &town(), &short, |_| {}).unwrap();
    assert!(again.report.losses[0] < first.report.losses[0]);
    let hash = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let config = Config {
            nearest: 1,
            training: TrainParams {
                seed,
                ..short.training.clone()
            },
            ..short.clone()
        };
        let train = || train_mined(None, &town(), mined(), &config, |_| {}).unwrap();
        pool.build().unwrap().install(|| train().towers.hash())
    };
    assert_eq!(hash(1, 7), hash(3, 7));
    assert_ne!(hash(1, 7), hash(1, 8));
}

#[test]
fn a_warm_start_adds_new_ids_and_the_latest_share_can_be_held_out() {
    let (short, day) = (
        Config {
            item_dimension: 8,
            training: TrainParams {
                epochs: 2,
                ..small().training
            },
            ..small()
        },
        Config {
            item_dimension: 8,
            log: LogParams {
                hold_out: HoldOut::Latest(0.25),
                ..small().log
            },
            training: TrainParams {
                epochs: 1,
                patience: 1,
                max_unknown_ids: 1.0,
                ..small().training
            },
            ..small()
        },
    );
    let first = train(&town(), &short, |_| {}).unwrap().towers;
    let mut data = town();
    let (new, late) = (json!({"id": "new"}), i64::MAX);
    data.items.push(new.clone());
    let event = |item: &str, at| Event {
        user: "newcomer".to_owned(),
        item: item.to_owned(),
        at,
        weight: 1.0,
    };
    let [first_item, second_item] =
        [0, 1].map(|at| data.items[at]["id"].as_str().unwrap().to_owned());
    data.events.extend([
        event("new", -1),
        event(&first_item, late),
        event(&second_item, late),
    ]);
    let next = train_from(Some(&first), &data, &day, |_| {}).unwrap();
    let vector = |towers: &Towers, item: &Value| towers.embed_item(item).unwrap();
    let unknown = json!({"id": "never met"});
    assert_eq!(vector(&first, &new), vector(&first, &unknown));
    assert_ne!(vector(&next.towers, &new), vector(&next.towers, &unknown));
    let report = next.report;
    assert!(report.examples < 2 + data.events.len() as u64 * 3 / 4);
    let held_out: usize = report.deciles.iter().map(|decile| decile.held_out).sum();
    assert!(held_out >= 2, "{:?}", report.deciles);
    let answers: f64 = report
        .deciles
        .iter()
        .map(|decile| decile.answer_share)
        .sum();
    assert!((answers - 1.0).abs() < 1e-9);
}

#[test]
fn texts_are_read_by_words_too_unless_overridden() {
    let grams = |config: Config| {
        let logs = Logs::new(&town()).unwrap();
        let schema = json!(describe(&town(), &logs, &config).unwrap());
        ["user", "item"].map(|side| {
            let features = schema[side]["features"].as_array().unwrap();
            let text = features.iter().find(|feature| feature["kind"] == "text");
            text.unwrap()["grams"].clone()
        })
    };
    let both = json!({"both": {"letters": [3, 3], "words": [1, 1]}});
    assert_eq!(grams(small()), [both.clone(), both.clone()]);
    let letters = Config {
        words: 0,
        ..small()
    };
    assert_eq!(grams(letters), [json!("trigrams"), json!("trigrams")]);
    let said = json!({"item": {"fields": {"title": {"grams": {"words": [1, 2]}}}}});
    let said = Config {
        log: LogParams {
            schema: serde_json::from_value(said).unwrap(),
            ..small().log
        },
        ..small()
    };
    assert_eq!(grams(said), [both, json!({"words": [1, 2]})]);
}

#[test]
fn invalid_data_and_settings_are_named() {
    let says = |config: Config, mined: Vec<MinedPair>| {
        let trained = train_mined(None, &town(), mined, &config, |_| {});
        trained.unwrap_err().to_string()
    };
    let alone =
        "the dataset has no mined negatives; give some, or let the settings use other negatives";
    let only = Config { easy: 0, ..small() };
    assert_eq!(says(only, Vec::new()), alone);
    let first = Config {
        hard_passes: 1,
        ..small()
    };
    assert_eq!(says(first, Vec::new()), alone);
    let nothing = Config {
        easy: 0,
        hard: 0,
        ..small()
    };
    assert!(says(nothing, Vec::new()).starts_with("easy + hard is 0; it must be between 1"));
    let three = Config {
        nearest: 3,
        ..small()
    };
    assert_eq!(
        says(three, Vec::new()),
        "nearest is 3; it must be between 0 and 2"
    );
    let strange = json!({"user": {"query": 5}, "positive": "i1"});
    let strange = serde_json::from_value(strange).unwrap();
    assert_eq!(
        says(small(), vec![strange]),
        "mined pair 0: its user: field `query`: expected a string, found a number (5)"
    );
}

#[test]
fn settings_are_chosen_by_validation_and_fixed_by_the_seed() {
    let (data, config) = (town(), small());
    let params = crate::AutoParams { seconds: 1.0 };
    let auto = || train_auto(&data, mined(), &config, params, |_| {}).unwrap();
    let (one, two) = (auto(), auto());
    assert_eq!(one.towers.hash(), two.towers.hash());
    let report = one.report.auto.unwrap();
    assert!(report.candidates.len() > 5 && report.held_out > 0);
    // What is given stays.
    assert_eq!(one.towers.dimension(), 8);
    assert!(
        report
            .candidates
            .iter()
            .all(|of| !of.settings.contains_key("margin"))
    );
    assert!(!one.report.baselines.unwrap().baselines.is_empty());
}
