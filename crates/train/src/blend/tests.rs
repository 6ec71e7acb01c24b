use super::components::{Blend, Component};
use super::weights::{Backtest, choose};
use super::{HISTORY, Parts, attach, detach, embed::embed, fits};
use crate::baselines::rank_by_baselines;
use crate::dataset::Dataset;
use crate::evaluate::ndcg_of_ranking;
use crate::hold_out::{HeldOut, HoldOut};
use crate::sampler::Logs;
use crate::train_params::TrainParams;
use crate::youtube;
use serde_json::json;
use std::collections::HashSet;
use twinspire_towers::{Event, Towers};

/// Users of two tastes over twenty items, the first of which are popular; items are taken again and again.
fn data() -> Dataset {
    let event = |user: usize, step: usize| Event {
        user: format!("u{user}"),
        item: format!(
            "i{}",
            (user % 2 * 10 + step * step * (user + 3) % 17 % 10) % 20
        ),
        at: (step * 86_400 + user) as i64,
        weight: 1.0,
    };
    Dataset {
        items: (0..20)
            .map(|n| json!({"id": format!("i{n}"), "group": format!("g{}", n % 4)}))
            .collect(),
        users: Vec::new(),
        events: (0..60)
            .flat_map(|user| (0..5 + user % 7).map(move |step| event(user, step)))
            .collect(),
    }
}

fn config() -> youtube::Config {
    youtube::Config {
        dimension: 6,
        factors: 20,
        training: TrainParams {
            epochs: 2,
            ..youtube::TRAINING
        },
        ..youtube::Config::default()
    }
}

fn learnt(data: &Dataset) -> Towers {
    youtube::train(data, &config(), |_| {}).unwrap().towers
}

const BLENDS: [Blend; 4] = [
    Blend {
        popularity: 0.7,
        recent_popularity: 0.3,
        transitions: 4.0,
        cooccurrence: 9.0,
    },
    Blend {
        popularity: 0.0,
        recent_popularity: 0.0,
        transitions: 2.0,
        cooccurrence: 0.0,
    },
    Blend {
        popularity: 0.5,
        recent_popularity: 0.0,
        transitions: 0.0,
        cooccurrence: 3.0,
    },
    Blend {
        popularity: 0.0,
        recent_popularity: 0.0,
        transitions: 0.0,
        cooccurrence: 0.0,
    },
];

/// All items have one length before the last layer, so scores of one user differ from the sum by one factor.
#[test]
fn towers_with_baselines_score_by_the_weighted_sum() {
    let data = data();
    let logs = Logs::new(&data).unwrap();
    let before = learnt(&data);
    assert!(fits(&before.model().schema));
    let parts = Parts::new(&logs, 20, 1);
    let users: Vec<u32> = (0..logs.users.len() as u32).collect();
    let [of_users, of_items] = embed(&before, &logs, &users, HISTORY);
    for blend in BLENDS {
        let towers = attach(&before, &logs, &parts, &blend).unwrap();
        assert!(!fits(&towers.model().schema), "baselines are added once");
        let [users_with, items_with] = embed(&towers, &logs, &users, HISTORY);
        for user in users.iter().map(|user| *user as usize) {
            let mut expected = of_items.dot(&of_users.row(user));
            for component in Component::ALL {
                let scores = parts.scores(component, &logs, user as u32);
                expected.scaled_add(blend.of(component), &scores);
            }
            let found = items_with.dot(&users_with.row(user));
            let spread = |of: &ndarray::Array1<f32>| (of - of.mean().unwrap()).to_owned();
            let (expected, found) = (spread(&expected), spread(&found));
            let factor = expected.dot(&found) / expected.dot(&expected);
            assert!(factor > 0.0);
            let off = (&expected * factor - &found).mapv(f32::abs);
            assert!(off.iter().all(|off| *off < 1e-5), "{blend:?} {off}");
        }
    }
}

/// With all factors, the parts rank as the baselines do.
#[test]
fn the_parts_rank_as_the_baselines_do() {
    let data = data();
    let mut logs = Logs::new(&data).unwrap();
    let held_out = logs.hold_out(HoldOut::Latest(0.1), None);
    assert!(held_out.len() > 5);
    let parts = Parts::new(&logs, 20, 1);
    for (name, ranks) in rank_by_baselines(&logs, &held_out) {
        let component = match name {
            "popularity" => Component::Popularity,
            "recent popularity" => Component::RecentPopularity,
            "transitions" => Component::Transitions,
            _ => Component::Cooccurrence,
        };
        for (out, rank) in held_out.iter().zip(ranks) {
            let scores = parts.scores(component, &logs, out.user);
            let seen: HashSet<u32> = logs.seen_by(out.user);
            let own = scores[out.item as usize];
            let others = (0..20u32).filter(|item| *item != out.item && !seen.contains(item));
            let others: Vec<f32> = others.map(|item| scores[item as usize]).collect();
            let above = others.iter().filter(|score| **score > own + 1e-4).count();
            let below = others.iter().filter(|score| **score < own - 1e-4).count();
            // Equal scores are ordered at random by the baselines.
            assert!(
                (above..=others.len() - below).contains(&rank.unwrap()),
                "{name}"
            );
        }
    }
}

#[test]
fn what_is_taken_off_again_is_what_was_learnt() {
    let data = data();
    let logs = Logs::new(&data).unwrap();
    let before = learnt(&data);
    let parts = Parts::new(&logs, 20, 1);
    assert!(detach(&before).unwrap().is_none());
    for blend in BLENDS {
        let towers = attach(&before, &logs, &parts, &blend).unwrap();
        let after = detach(&towers).unwrap().unwrap();
        assert_eq!(after.hash(), before.hash(), "{blend:?}");
        assert_eq!(after.optimiser().unwrap(), before.optimiser().unwrap());
    }
}

#[test]
fn a_warm_start_learns_on_and_adds_the_baselines_anew() {
    let mut data = data();
    let config = youtube::Config {
        blend: Some(BLENDS[0]),
        ..config()
    };
    let today = youtube::train(&data, &config, |_| {}).unwrap().towers;
    assert_eq!(today.dimension(), 6 + 2 + 20 + 20);
    data.items.push(json!({"id": "new", "group": "g1"}));
    data.events.extend((0..9).map(|user| Event {
        user: format!("u{user}"),
        item: "new".to_owned(),
        at: 90 * 86_400 + user,
        weight: 1.0,
    }));
    let tomorrow = youtube::train_from(Some(&today), &data, &config, |_| {}).unwrap();
    let item = |towers: &Towers, id: &str| {
        towers
            .embed_item(&json!({"id": id, "group": "g1"}))
            .unwrap()
    };
    // Unknown yesterday, known from today on.
    let popularity = |towers: &Towers, id: &str| item(towers, id)[6];
    let unknown = "never";
    assert!(
        popularity(&today, "new")
            .total_cmp(&popularity(&today, unknown))
            .is_eq()
    );
    let tomorrow = &tomorrow.towers;
    assert!(popularity(tomorrow, "new") > popularity(tomorrow, unknown));
    let error = youtube::train_from(Some(&today), &data, &self::config(), |_| {}).unwrap_err();
    assert!(error.to_string().contains("differ"), "{error}");
}

/// Items in the order of their numbers are wanted in turn, so the weights have something to find.
#[test]
fn the_choice_is_no_worse_than_any_single_model() {
    let data = data();
    let mut logs = Logs::new(&data).unwrap();
    let held_out: Vec<HeldOut> = logs.hold_out(HoldOut::Latest(0.15), None);
    let parts = Parts::new(&logs, 20, 1);
    let towers = learnt(&data);
    let backtest = || Backtest {
        towers: &towers,
        logs: &logs,
        parts: &parts,
        held_out: &held_out,
    };
    let choice = choose(&[backtest()], HISTORY);
    assert_eq!(choice, choose(&[backtest()], HISTORY));
    let twice = choose(&[backtest(), backtest()], HISTORY);
    assert_eq!(twice.held_out, 2 * choice.held_out);
    let best = choice
        .baselines
        .values()
        .copied()
        .fold(choice.learnt, f64::max);
    assert!(choice.metric > best - 0.02, "{choice:?}");
    let blended = attach(&towers, &logs, &parts, &choice.weights).unwrap();
    let ranks = super::ranks_of(&blended, &logs, &held_out, HISTORY);
    let values = ndcg_of_ranking(&ranks);
    let found = values.iter().sum::<f64>() / values.len() as f64;
    // The metric of a mix is that of weights from other users.
    assert!((found - choice.metric).abs() < 0.02, "{found} {choice:?}");
    let text = choice.to_string();
    assert!(text.contains("alone"), "{text}");
}
