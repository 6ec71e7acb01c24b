use super::*;
use crate::Trained;
use crate::dataset::Dataset;
use crate::log_params::LogParams;
use crate::train_params::TrainParams;
use crate::{AutoParams, HoldOut, Method, TrainingProgress};
use serde_json::Value;
use serde_json::json;
use twinspire_towers::Event;
use twinspire_towers::Towers;

/// Users of two tastes, and items of two kinds that show in every column.
fn world(events_each: i64) -> Dataset {
    let kind = |n: usize| if n.is_multiple_of(2) { "night" } else { "day" };
    let items = (0..20).map(|n| {
        json!({"id": format!("i{n}"), "title": format!("{} thing {n}", kind(n)),
               "tags": [kind(n), "all"], "year": 1980 + n, "link": format!("http://x/{n}")})
    });
    let users =
        (0..30).map(|n| json!({"user_id": format!("u{n}"), "age": 20 + n, "city": kind(n)}));
    let events = (0..30).flat_map(|user: usize| {
        (0..events_each).map(move |at| Event {
            user: format!("u{user}"),
            item: format!("i{}", (user % 2 + 2 * ((user + 3 * at as usize) % 10)) % 20),
            at,
            weight: 1.0 + (at % 3) as f32,
        })
    });
    Dataset {
        items: items.collect(),
        users: users.collect(),
        events: events.collect(),
    }
}

fn small() -> Config {
    Config {
        dimension: 8,
        log: LogParams {
            user_dimension: 4,
            category_dimension: 3,
            text_dimension: 3,
            ..LogParams::default()
        },
        training: TrainParams {
            batch: 32,
            epochs: 12,
            learning_rate: 0.1,
            ..TRAINING
        },
        ..Config::default()
    }
}

/// Number of odd items among the first five of a user.
fn odd_of_five(towers: &Towers, user: Value) -> usize {
    let user = towers.embed_user(&user).unwrap();
    let items = world(1).items;
    let items: Vec<_> = items
        .iter()
        .map(|item| towers.embed_item(item).unwrap())
        .collect();
    let score = |n: usize| user.iter().zip(&items[n]).map(|(a, b)| a * b).sum::<f32>();
    let mut order: Vec<usize> = (0..20).collect();
    order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
    order[..5].iter().filter(|n| *n % 2 == 1).count()
}

#[test]
fn it_learns_tastes_from_histories_alone() {
    let data = Dataset {
        users: Vec::new(),
        ..world(8)
    };
    let config = Config {
        log: LogParams {
            user_dimension: 0,
            ..small().log
        },
        ..small()
    };
    let trained = train(&data, &config, |_| {}).unwrap();
    let losses = &trained.report.losses;
    assert!(losses.last() < losses.first(), "{losses:?}");
    let odd = |history: Value| odd_of_five(&trained.towers, json!({ "history": history }));
    assert_eq!(odd(json!(["i1", "i3", "i5"])), 5);
    assert_eq!(odd(json!(["i2", "i8", "i4"])), 0);
}

#[test]
fn it_learns_tastes_from_ids_and_attributes_and_places_new_items_by_attributes() {
    let towers = train(&world(8), &small(), |_| {}).unwrap().towers;
    let odd = |user: Value| odd_of_five(&towers, user);
    assert!(odd(json!({"user_id": "u7", "city": "day"})) >= 4);
    assert!(odd(json!({"user_id": "u8", "city": "night"})) <= 1);
    assert!(odd(json!({"user_id": "stranger", "city": "day"})) >= 4);
    assert!(odd(json!({"city": "night"})) <= 1);
    let embed = |item: &Value| towers.embed_item(item).unwrap();
    let new =
        embed(&json!({"id": "new", "title": "day thing", "tags": ["day", "all"], "year": 1990}));
    let items = world(1).items;
    let near = |odd: usize| -> f32 {
        let kind = items.iter().skip(odd).step_by(2).map(embed);
        kind.map(|item| new.iter().zip(&item).map(|(a, b)| a * b).sum::<f32>())
            .sum()
    };
    assert!(near(1) > near(0));
}

#[test]
fn a_seed_fixes_the_model_and_progress_is_reported() {
    let bytes = |trained: &Trained| -> Vec<Vec<u8>> {
        let parts = trained.towers.parts().iter();
        parts.map(|(_, blob)| blob.to_vec()).collect()
    };
    let mut told = Vec::new();
    let one = train(&world(5), &small(), |progress| told.push(progress)).unwrap();
    let two = train(&world(5), &small(), |_| {}).unwrap();
    assert_eq!(bytes(&one), bytes(&two));
    let other = Config {
        training: TrainParams {
            seed: 43,
            ..small().training
        },
        ..small()
    };
    let other = train(&world(5), &other, |_| {}).unwrap();
    assert_ne!(bytes(&one), bytes(&other));
    let last = told.last().unwrap();
    assert_eq!((last.epoch, last.done, last.total), (12, 60, 60));
    assert!(told[0].loss.is_none() && told[0].data.columns.len() > 1);
    assert_eq!(told.len(), 61);
    assert_eq!(one.report.examples, 150);
    assert!(last.examples_per_second > 0.0 && one.report.examples_per_second > 0.0);
}

#[test]
fn early_stopping_keeps_the_best_weights() {
    let config = Config {
        training: TrainParams {
            epochs: 40,
            patience: 2,
            ..small().training
        },
        ..small()
    };
    let report = train(&world(8), &config, |_| {}).unwrap().report;
    let passes = report.validations.len();
    assert!(passes < 40 && passes == report.losses.len(), "{report:?}");
    assert_eq!(
        (report.metric.as_deref(), passes - report.kept),
        (Some("ndcg"), 2)
    );
    let best = report.validations.iter().copied().fold(0.0, f64::max);
    assert_eq!(report.validations[report.kept - 1], best);
    assert_eq!(report.examples, 210, "the last event of each is held out");
    // The weights are those of the best epoch: a training that ends there has the same.
    let shorter = Config {
        training: TrainParams {
            epochs: report.kept,
            ..config.training.clone()
        },
        ..config.clone()
    };
    let hash = |config: &Config| train(&world(8), config, |_| {}).unwrap().towers.hash();
    assert_eq!(hash(&config), hash(&shorter));
}

#[test]
fn a_warm_start_continues_the_earlier_training() {
    let train =
        |earlier: Option<&Towers>, config: &Config| train_from(earlier, &world(8), config, |_| {});
    let first = train(None, &small()).unwrap();
    let again = train(Some(&first.towers), &small()).unwrap();
    let (before, after) = (&first.report.losses, &again.report.losses);
    assert!(after[0] < before[0] - 0.1, "{before:?} {after:?}");
    let other = Config {
        log: LogParams {
            hidden: vec![5],
            ..small().log
        },
        ..small()
    };
    let error = train(Some(&first.towers), &other).unwrap_err().to_string();
    assert!(
        error.contains("cannot warm start from these towers: user tower"),
        "{error}"
    );
}

#[test]
fn settings_are_read_from_json_and_unknown_ones_are_rejected() {
    let read = |text: &str| serde_json::from_str::<Config>(text);
    let config = read(r#"{"epochs": 3, "optimiser": "adam"}"#).unwrap();
    let expected = Config {
        training: TrainParams {
            epochs: 3,
            optimiser: Method::Adam,
            ..TRAINING
        },
        ..Config::default()
    };
    assert_eq!(config, expected);
    let read_hold_out = |text: &str| read(text).map(|config| config.log.hold_out).unwrap();
    assert_eq!(read_hold_out(r#"{"hold_out": "last"}"#), HoldOut::Last);
    let latest = read_hold_out(r#"{"hold_out": {"latest": 0.2}}"#);
    assert_eq!(latest, HoldOut::Latest(0.2));
    let too_much = Config {
        log: LogParams {
            hold_out: HoldOut::Latest(0.6),
            ..LogParams::default()
        },
        ..Config::default()
    };
    let error = train(&world(5), &too_much, |_| {}).unwrap_err().to_string();
    assert!(error.starts_with("hold_out.latest is 0.6"), "{error}");
    let error = read(r#"{"epoch": 3}"#).unwrap_err().to_string();
    assert!(error.contains("unknown field `epoch`"), "{error}");
}

#[test]
fn events_alone_suffice_and_invalid_data_is_rejected() {
    let training = TrainParams {
        max_unknown_ids: 1.0,
        ..small().training
    };
    let config = Config {
        training,
        ..small()
    };
    let learn = |data: &Dataset| train(data, &config, |_| {}).map(|_| ());
    let full = world(5);
    let known = Dataset {
        users: Vec::new(),
        items: full.items[..1].to_vec(),
        events: full.events.clone(),
    };
    learn(&known).unwrap();
    let error = train(&known, &small(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("item ids without a record: \"i"), "{error}");
    let refused = |change: &dyn Fn(&mut Dataset)| {
        let mut data = full.clone();
        change(&mut data);
        learn(&data).unwrap_err().to_string()
    };
    let says = [
        (
            refused(&|data| data.events.clear()),
            "the dataset has no events",
        ),
        (
            refused(&|data| data.items.clear()),
            "the dataset has no items",
        ),
        (
            refused(&|data| data.events[7].weight = f32::NAN),
            "event 7: its weight is NaN",
        ),
        (
            refused(&|data| data.items[3] = json!({"id": "i1"})),
            "items 1 and 3 have the same id \"i1\"",
        ),
        (
            refused(&|data| data.items[3] = json!({"x": 1})),
            "item 3: field `id`",
        ),
        (
            refused(&|data| data.users[2] = json!({"age": 1})),
            "user 2: field `user_id`",
        ),
    ];
    for (found, expected) in says {
        assert!(found.contains(expected), "{found}");
    }
    let bad = Config {
        temperature: 0.0,
        ..small()
    };
    let error = train(&full, &bad, |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "temperature is 0; it must be between 0.001 and 1000"
    );
    let bad = Config {
        training: TrainParams {
            batch: 1,
            ..small().training
        },
        ..small()
    };
    let error = train(&full, &bad, |_| {}).unwrap_err();
    assert_eq!(
        error.to_string(),
        "batch is 1; it must be between 2 and 65536"
    );
}

/// Forty items that nobody met, beside those of the world.
fn with_unmet(mut data: Dataset) -> Dataset {
    let unmet =
        (0..40).map(|n| json!({"id": format!("n{n}"), "title": format!("other thing {n}")}));
    data.items.extend(unmet);
    data
}

#[test]
fn uniform_negatives_keep_unmet_items_down_and_find_good_new_ones() {
    let data = with_unmet(world(8));
    let unmet = |uniform_negatives: usize| {
        let config = Config {
            uniform_negatives,
            ..small()
        };
        let towers = train(&data, &config, |_| {}).unwrap().towers;
        let items = data
            .items
            .iter()
            .map(|item| towers.embed_item(item).unwrap());
        let items: Vec<Vec<f32>> = items.collect();
        let mut unmet = 0;
        for user in &data.users {
            let user = towers.embed_user(user).unwrap();
            let dot = |n: &usize| items[*n].iter().zip(&user).map(|(a, b)| a * b).sum::<f32>();
            let mut order: Vec<usize> = (0..items.len()).collect();
            order.sort_by(|a, b| dot(b).total_cmp(&dot(a)));
            unmet += order[..10].iter().filter(|n| **n >= 20).count();
        }
        (unmet, towers)
    };
    let ((without, _), (with, towers)) = (unmet(0), unmet(60));
    assert!(with * 4 < without.max(4), "{with} of {without}");
    // A new item of a taste is nearer to its users than one of the other taste.
    let item =
        |kind: &str| json!({"id": "new", "title": format!("{kind} thing"), "tags": [kind, "all"]});
    let [day, night] = ["day", "night"].map(|kind| towers.embed_item(&item(kind)).unwrap());
    let user = towers
        .embed_user(&json!({"user_id": "u7", "city": "day", "history": ["i1", "i3"]}))
        .unwrap();
    let dot = |item: &[f32]| item.iter().zip(&user).map(|(a, b)| a * b).sum::<f32>();
    assert!(dot(&day) > dot(&night));
}

#[test]
fn a_start_by_cooccurrence_knows_tastes_before_it_learns() {
    let data = Dataset {
        users: Vec::new(),
        ..world(8)
    };
    let config = Config {
        start: Start::Cooccurrence,
        log: LogParams {
            user_dimension: 0,
            ..small().log
        },
        training: TrainParams {
            epochs: 1,
            learning_rate: 1e-6,
            ..small().training
        },
        ..small()
    };
    let towers = train(&data, &config, |_| {}).unwrap().towers;
    let odd = |history: Value| odd_of_five(&towers, json!({ "history": history }));
    assert_eq!(odd(json!(["i1", "i3", "i5"])), 5);
    assert_eq!(odd(json!(["i2", "i8", "i4"])), 0);
}

#[test]
fn a_search_is_deterministic_keeps_given_settings_and_says_what_it_tried() {
    let data = world(6);
    let params = AutoParams::default();
    let mut searching = 0;
    let auto = |progress: &mut dyn FnMut(TrainingProgress)| {
        let config = Config {
            dimension: 8,
            ..Config::default()
        };
        train_auto(&data, &config, params, progress).unwrap()
    };
    let one = auto(&mut |at| searching += usize::from(at.searching));
    let two = auto(&mut |_| {});
    assert!(searching > 50);
    assert_eq!(one.towers.hash(), two.towers.hash());
    let report = one.report.auto.clone().unwrap();
    assert_eq!(Some(&report), two.report.auto.as_ref());
    assert_eq!(
        (report.settings["dimension"].as_u64(), report.user_step),
        (Some(8), 1)
    );
    assert_eq!(one.report.losses.len(), report.epochs);
    assert_eq!(
        one.report.examples, 180,
        "the last training learns from everything"
    );
    let best = report
        .candidates
        .iter()
        .map(|of| of.metric)
        .fold(0.0, f64::max);
    let chosen = report
        .candidates
        .iter()
        .find(|of| of.settings == report.chosen)
        .unwrap();
    assert!(chosen.metric == best || report.passed_over.is_some());
    assert!(
        report.candidates.iter().any(|of| of.settings.is_empty()),
        "the defaults"
    );
    assert!(
        one.report
            .baselines
            .is_some_and(|found| found.held_out == report.held_out)
    );
}

#[test]
fn a_search_needs_a_holdout_and_can_be_cancelled() {
    let config = Config::default();
    let short = train_auto(&world(1), &config, AutoParams::default(), |_| {});
    let missing = crate::MissingData::TestCases;
    assert_eq!(short.unwrap_err(), crate::TrainError::Empty { missing });
    let stop = |at: TrainingProgress| match at.loss {
        Some(_) => std::ops::ControlFlow::Break(()),
        None => std::ops::ControlFlow::Continue(()),
    };
    let cancelled = train_auto(&world(6), &config, AutoParams::default(), stop);
    assert_eq!(cancelled.unwrap_err(), crate::TrainError::Cancelled);
}

/// Half of the users take three steps up a ring of items, half of them down: the same two items in the other order have
/// another successor.
#[test]
fn encoders_of_histories_learn_their_order() {
    const ITEMS: usize = 20;
    let events = (0..4 * ITEMS).flat_map(|user| {
        (0..3usize).map(move |step| {
            let item = match user % 2 {
                0 => user / 2 + step,
                _ => user / 2 + ITEMS - step,
            };
            Event {
                user: format!("u{user}"),
                item: format!("i{}", item % ITEMS),
                at: step as i64,
                weight: 1.0,
            }
        })
    });
    let data = Dataset {
        items: (0..ITEMS).map(|n| json!({"id": format!("i{n}")})).collect(),
        users: Vec::new(),
        events: events.collect(),
    };
    for encoder in [
        json!({"attention": {"length": 6, "units": 16}}),
        json!({"attention": {"length": 6, "units": 16, "heads": 2, "blocks": 2}}),
        json!({"gru": {"length": 6, "units": 16}}),
    ] {
        let config = json!({
            "dimension": 16, "user_dimension": 0, "history": [], "history_encoder": encoder,
            "id_dropout": 0, "optimiser": "adam", "learning_rate": 0.01, "batch": 64, "epochs": 60
        });
        let config: Config = serde_json::from_value(config).unwrap();
        let towers = train(&data, &config, |_| {}).unwrap().towers;
        let items: Vec<_> = data
            .items
            .iter()
            .map(|item| towers.embed_item(item).unwrap())
            .collect();
        let next = |history: [usize; 2]| {
            let ids = history.map(|n| format!("i{n}"));
            let user = towers.embed_user(&json!({ "history": ids })).unwrap();
            let score = |n: usize| user.iter().zip(&items[n]).map(|(a, b)| a * b).sum::<f32>();
            let unseen = (0..ITEMS).filter(|n| !history.contains(n));
            unseen
                .max_by(|a, b| score(*a).total_cmp(&score(*b)))
                .unwrap()
        };
        let found: usize = (0..ITEMS)
            .map(|n| {
                let up = next([n, (n + 1) % ITEMS]) == (n + 2) % ITEMS;
                let down = next([(n + 1) % ITEMS, n]) == (n + ITEMS - 1) % ITEMS;
                usize::from(up) + usize::from(down)
            })
            .sum();
        assert!(found >= 34, "{encoder}: {found} of {}", 2 * ITEMS);
    }
    let wrong: Result<Config, _> =
        serde_json::from_value(json!({"history_encoder": {"gru": {"unit": 3}}}));
    assert!(wrong.unwrap_err().to_string().contains("`history_encoder`"));
    let config = serde_json::from_value(json!({"history_encoder": {"gru": {"units": 0}}})).unwrap();
    let error = train(&data, &config, |_| {}).unwrap_err().to_string();
    assert!(error.contains("history_encoder units"), "{error}");
}

/// Users who go round favourites of their own: what a user had says everything, what others had nothing.
#[test]
fn with_repeats_towers_find_what_a_user_had_and_are_compared_with_its_own_counts() {
    let event = |user: usize, at: usize| Event {
        user: format!("u{user}"),
        item: format!("i{}", (user * 7 + at % 3 * 13) % 60),
        at: at as i64,
        weight: 1.0,
    };
    let data = Dataset {
        items: (0..60).map(|n| json!({"id": format!("i{n}")})).collect(),
        users: Vec::new(),
        events: (0..60)
            .flat_map(|user| (0..12).map(move |at| event(user, at)))
            .collect(),
    };
    let compared = |repeats| {
        let config = Config {
            dimension: 32,
            uniform_negatives: 60,
            log: LogParams {
                repeats,
                user_dimension: 0,
                history: vec![9],
                id_dropout: 0.0,
                ..LogParams::default()
            },
            training: TrainParams {
                batch: 64,
                epochs: 20,
                patience: 20,
                ..TRAINING
            },
            ..Config::default()
        };
        let report = train(&data, &config, |_| {}).unwrap().report;
        assert!((report.data.repeats - 0.75).abs() < 1e-9);
        assert!(report.data.repeats_note().unwrap().starts_with("75 %"));
        report.baselines
    };
    // Every last event is a repeat, so there is nothing new to be found.
    assert_eq!(compared(false), None);
    let compared = compared(true).unwrap();
    assert_eq!(compared.held_out, 60);
    let mut baselines = compared.baselines.iter();
    let own = baselines.find(|of| of.name == "own counts").unwrap();
    assert_eq!(own.metrics.hit_10, 1.0);
    assert!(compared.model.hit_10 > 0.9, "{compared:?}");
}
