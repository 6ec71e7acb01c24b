use super::describe::describe;
use super::recipe::Mobius;
use super::*;
use crate::dataset::Dataset;
use crate::log_params::LogParams;
use crate::loss::three_class;
use crate::nn::vectors;
use crate::nn::{Network, random};
use crate::reader::Reader;
use crate::sampler::{Example, Logs};
use crate::train_params::TrainParams;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use serde_json::json;
use twinspire_towers::Event;
use twinspire_towers::Towers;
use twinspire_towers::internals::Side;

/// Users of two tastes, who are shown items of their own kind only and click those below ten.
fn world() -> Dataset {
    let kind = |n: usize| if n.is_multiple_of(2) { "night" } else { "day" };
    let items = (0..20).map(|n| json!({"id": format!("i{n}"), "kind": kind(n), "year": 1980 + n}));
    let events = (0..40).flat_map(|user: usize| {
        (0..8usize).map(move |at| {
            let item = user % 2 + 2 * ((user / 2 + 3 * at) % 10);
            Event {
                user: format!("u{user}"),
                item: format!("i{item}"),
                at: at as i64,
                weight: if item < 10 { 5.0 } else { 2.0 },
            }
        })
    });
    Dataset {
        items: items.collect(),
        users: Vec::new(),
        events: events.collect(),
    }
}

fn small() -> Config {
    Config {
        click: 4.0,
        part: 6,
        item_dimension: 8,
        log: LogParams {
            user_dimension: 4,
            category_dimension: 3,
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

fn learn(config: &Config) -> Student {
    let data = world();
    let teacher = Categories::new(&data, &["kind".to_owned()], config.click).unwrap();
    train_from(None, &data, &teacher, config, |_| {}).unwrap()
}

fn product(towers: &Towers, user: &Value, item: &Value) -> f32 {
    let user = towers.embed_user(user).unwrap();
    let item = towers.embed_item(item).unwrap();
    user.iter().zip(&item).map(|(a, b)| a * b).sum()
}

/// Share of the other kind among the first ten items of some users.
fn strange(student: &Student, score: Score) -> f64 {
    let towers = student.towers(score).unwrap();
    let items = world().items;
    let mut strange = 0;
    for user in queries(&world(), &student.config, 10) {
        let odd = user["user_id"].as_str().unwrap()[1..]
            .parse::<usize>()
            .unwrap()
            % 2;
        let mut order: Vec<usize> = (0..20).collect();
        let score = |n: usize| product(&towers, &user, &items[n]);
        order.sort_by(|a, b| score(*b).total_cmp(&score(*a)));
        strange += order[..10].iter().filter(|n| *n % 2 != odd).count();
    }
    strange as f64 / 100.0
}

#[test]
fn bad_cases_keep_irrelevant_items_out_of_recalls() {
    let without = Config {
        bad: 0.0,
        ..small()
    };
    let (with, without) = (learn(&small()), learn(&without));
    let losses = &with.report().losses;
    assert!(losses.last() < losses.first(), "{losses:?}");
    let less_bad = Score {
        bad: 1.0,
        ..Score::CLICK
    };
    let (before, after) = (strange(&without, Score::CLICK), strange(&with, less_bad));
    assert!(after < 0.1 && before > after + 0.1, "{before} {after}");
    // The student tells the three apart.
    let user = json!({"user_id": "u0", "history": ["i0", "i6"]});
    let items = world().items;
    let found = with.outcomes(&user, &items).unwrap();
    let mean = |of: &dyn Fn(&Outcome) -> f32, which: &dyn Fn(usize) -> bool| {
        let each = found.iter().enumerate().filter(|(n, _)| which(*n));
        let each: Vec<f32> = each.map(|(_, outcome)| of(outcome)).collect();
        each.iter().sum::<f32>() / each.len() as f32
    };
    let click = mean(&|o| o.click, &|n| n % 2 == 0 && n < 10);
    let unclick = mean(&|o| o.unclick, &|n| n % 2 == 0 && n >= 10);
    let bad = mean(&|o| o.bad, &|n| n % 2 == 1 && n < 10);
    assert!(click > 0.6 && unclick > 0.6 && bad > 0.6, "{found:?}");
}

#[test]
fn published_vectors_score_by_the_chosen_parts() {
    for normalise in [true, false] {
        let config = Config {
            normalise,
            log: LogParams {
                hidden: vec![7],
                ..small().log
            },
            training: TrainParams {
                epochs: 2,
                ..small().training
            },
            ..small()
        };
        let student = learn(&config);
        let (user, items) = (json!({"user_id": "u3", "history": ["i5"]}), world().items);
        let score = Score {
            unclick: 0.5,
            bad: 2.0,
        };
        // Under the cosine scores are divided by the lengths of both sides.
        let lengths = (3f32 * (1.0 + 0.25 + 4.0)).sqrt();
        for (score, components, lengths) in [(Score::CLICK, 6, 1.0), (score, 18, lengths)] {
            let towers = student.towers(score).unwrap();
            assert_eq!(towers.dimension(), components);
            let scale = if normalise { 1.0 / lengths } else { 1.0 };
            let parts = student.parts().embed_user(&user).unwrap();
            for item in &items {
                let item_parts = student.parts().embed_item(item).unwrap();
                let of = |class: usize| -> f32 {
                    let part = three_class::part(class, 18);
                    let both = parts[part.clone()].iter().zip(&item_parts[part]);
                    both.map(|(a, b)| a * b).sum()
                };
                let expected = scale * (of(0) - score.unclick * of(1) - score.bad * of(2));
                let found = product(&towers, &user, item);
                let error = (found - expected).abs();
                let allowed = 1e-5 * (1.0 + expected.abs());
                assert!(error < allowed, "{normalise} {score:?}: {found} {expected}");
            }
        }
    }
}

#[test]
fn published_scores_are_log_odds_of_a_click() {
    let student = learn(&small());
    let (user, items) = (json!({"user_id": "u3", "history": ["i5"]}), world().items);
    let outcomes = student.outcomes(&user, &items).unwrap();
    let difference = Score {
        bad: 1.0,
        ..Score::CLICK
    };
    let towers = student.towers(difference).unwrap();
    for (item, outcome) in items.iter().zip(outcomes) {
        let sum = outcome.click + outcome.unclick + outcome.bad;
        assert!((sum - 1.0).abs() < 1e-5);
        // Two parts of length 1 on either side: the cosine is half the sum of the products.
        let score = 2.0 * product(&towers, &user, item);
        let expected = (outcome.click / outcome.bad).ln() / student.config.gamma;
        assert!((score - expected).abs() < 1e-4, "{score} {expected}");
    }
}

#[test]
fn a_seed_fixes_the_weights_and_a_warm_start_continues_from_the_parts() {
    let (one, two) = (learn(&small()), learn(&small()));
    assert_eq!(one.parts().hash(), two.parts().hash());
    let other = Config {
        training: TrainParams {
            seed: 43,
            ..small().training
        },
        ..small()
    };
    assert_ne!(one.parts().hash(), learn(&other).parts().hash());
    let teacher = |_: &str, _: &str| 0.0f32;
    let again = |earlier: &Towers| {
        train_from(Some(earlier), &world(), &teacher, &small(), |_| {}).map(|_| ())
    };
    again(one.parts()).unwrap();
    let cut = one.towers(Score::CLICK).unwrap();
    let error = again(&cut).unwrap_err().to_string();
    assert!(
        error.contains("cannot warm start from these towers"),
        "{error}"
    );
}

#[test]
fn a_warm_start_adds_a_new_item() {
    let first = learn(&small());
    let mut data = world();
    data.items.push(json!({"id": "new"}));
    let click = |at| Event {
        user: "u0".to_owned(),
        item: "new".to_owned(),
        at,
        weight: 5.0,
    };
    data.events.extend([click(100), click(101)]);
    let teacher = |_: &str, _: &str| 1.0f32;
    let next = train_from(Some(first.parts()), &data, &teacher, &small(), |_| {}).unwrap();
    let vector = |student: &Student, id: &str| {
        let towers = student.towers(Score::CLICK).unwrap();
        towers.embed_item(&json!({"id": id})).unwrap()
    };
    assert_eq!(vector(&first, "new"), vector(&first, "never met"));
    assert_ne!(vector(&next, "new"), vector(&next, "never met"));
    let items: usize = next.report.deciles.iter().map(|decile| decile.items).sum();
    assert_eq!(items, data.items.len());
}

#[test]
fn seen_and_relevant_pairs_are_not_candidates() {
    let config = Config {
        log: LogParams {
            id_dropout: 0.0,
            ..small().log
        },
        ..small()
    };
    let data = world();
    let logs = Logs::new(&data).unwrap();
    // Users of even numbers find items of odd numbers irrelevant, others everything relevant.
    let teacher = |user: &str, item: &str| {
        let odd = |id: &str| id[1..].parse::<usize>().unwrap() % 2 == 1;
        if !odd(user) && odd(item) { 0.1f32 } else { 0.9 }
    };
    let (schema, _) = describe(&data, &logs, &config).unwrap();
    let model = random(schema, &mut Pcg64Mcg::seed_from_u64(1)).unwrap();
    let optimiser = config.training.optimiser(0.0);
    let network = Network::new(model, optimiser, false);
    let reader = Reader::new(&network.model, &logs, &config.log).unwrap();
    let mut recipe = Mobius::new(reader, &logs, Vec::new(), &teacher, &config);
    let batch: Vec<_> = (0..6).map(|user| Example { user, at: 0 }).collect();
    let items: Vec<u32> = (0..20).collect();
    let (mut users, mut encoded) = (Vec::new(), Vec::new());
    let rng = &mut Pcg64Mcg::seed_from_u64(2);
    let each = batch.iter().copied().map(Some);
    recipe.reader.encode_users(each, rng, &mut users);
    recipe.reader.encode_items(&items, rng, &mut encoded);
    let users = vectors(&network.model, Side::User, &users, &mut Vec::new());
    let item_vectors = vectors(&network.model, Side::Item, &encoded, &mut Vec::new());
    let found = recipe
        .pairing
        .candidates(&batch, &items, users.view(), item_vectors.view());
    let number = |id: &str| id[1..].parse::<u32>().unwrap();
    let expected = (0..6).step_by(2).flat_map(|user| {
        let ids = (0..20).filter(|item| number(&logs.items[*item as usize].0) % 2 == 1);
        ids.map(move |item| (user, item))
    });
    let found: Vec<_> = found.iter().map(|pair| (pair.user, pair.item)).collect();
    assert_eq!(found, expected.collect::<Vec<_>>());
    // Seen items are not candidates, whatever their relevance.
    let strict = |_: &str, _: &str| 0.0f32;
    recipe.pairing.teacher = &strict;
    let found = recipe
        .pairing
        .candidates(&batch, &items, users.view(), item_vectors.view());
    assert_eq!(found.len(), 6 * (20 - 8));
    let met = |user: u32, item: u32| recipe.pairing.seen[user as usize].contains(&item);
    assert!(found.iter().all(|pair| !met(pair.user, pair.item)));
    assert!(
        found
            .iter()
            .all(|pair| pair.click > 0.0 && pair.click < 1.0)
    );
}

#[test]
fn held_out_clicks_decide_when_to_stop() {
    let config = Config {
        training: TrainParams {
            epochs: 30,
            patience: 2,
            ..small().training
        },
        ..small()
    };
    let report = learn(&config).report;
    assert_eq!(report.metric.as_deref(), Some("ndcg"));
    assert_eq!(report.validations.len(), report.losses.len());
    let clicks = world()
        .events
        .iter()
        .filter(|event| event.at == 7 && event.weight > 4.0)
        .count();
    assert!(clicks > 0);
    assert_eq!(report.examples, 320 - clicks as u64);
}

#[test]
fn logs_without_a_click_and_invalid_settings_are_rejected() {
    let teacher = |_: &str, _: &str| 0.0f32;
    let refused = |config: Config| {
        let trained = train(&world(), &teacher, &config, |_| {});
        trained.map(|_| ()).unwrap_err().to_string()
    };
    let error = refused(Config {
        click: 6.0,
        ..small()
    });
    assert!(
        error.contains("no event reaches the weight of the setting `click`"),
        "{error}"
    );
    let score = Score {
        bad: -1.0,
        ..Score::CLICK
    };
    let error = refused(Config { score, ..small() });
    assert_eq!(error, "score.bad is -1; it must be between 0 and 100");
    let read = serde_json::from_str::<Config>(r#"{"score": {"bad": 1}, "draw": "top"}"#).unwrap();
    assert_eq!((read.score.bad, read.draw), (1.0, Draw::Top));
}

#[test]
fn settings_are_chosen_by_validation_and_bad_cases_stay() {
    let (data, config) = (world(), small());
    let teacher = Categories::new(&data, &["kind".to_owned()], config.click).unwrap();
    let params = crate::AutoParams { seconds: 1.0 };
    let auto = || train_auto(&data, &teacher, &config, params, |_| {}).unwrap();
    let (one, two) = (auto(), auto());
    assert_eq!(one.parts().hash(), two.parts().hash());
    let found = one.report().auto.clone().unwrap();
    assert!(found.candidates.len() > 3 && found.held_out > 0);
    assert!(found.settings["bad"].as_f64().unwrap() > 0.0);
    assert!(
        !one.report()
            .baselines
            .as_ref()
            .unwrap()
            .baselines
            .is_empty()
    );
}
