//! Evaluations against plain counts over exact recalls.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::ops::ControlFlow;
use twinspire::train::evaluate::{Bootstrap, Judge, Measure};
use twinspire::train::{Dataset, EvaluateError, EvaluationProgress};
use twinspire::{Database, Error, Event, FeatureCheck, GenerationNo, RankFusion};
use twinspire_testkit::logs::event;
use twinspire_testkit::towers::field_towers;

const ITEMS: usize = 40;
const USERS: usize = 25;

/// Items and users at random places; users took items at random.
struct World {
    _dir: tempfile::TempDir,
    db: Database,
    data: Dataset,
    held_out: Vec<Event>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        let dir = tempfile::tempdir().unwrap();
        let db = Database::open(dir.path().join("w.twin")).unwrap();
        let place = |rng: &mut Pcg64Mcg| [(); 2].map(|()| rng.random_range(-9..=9));
        let items: Vec<Value> = (0..ITEMS)
            .map(|at| {
                let [x, y] = place(&mut rng);
                json!({"id": format!("i{at}"), "x": x, "y": y, "kind": (["a", "b"][at % 2])})
            })
            .collect();
        db.items().put_many(&items).unwrap();
        let towers = |fields: &[&str]| field_towers("inner_product", fields);
        db.publish("one").towers(towers(&["x", "y"])).run().unwrap();
        db.publish("other").towers(towers(&["x"])).run().unwrap();
        db.publish("other").towers(towers(&["y"])).run().unwrap();
        let both = RankFusion::new().space("one", 1.0).space("other", 1.0);
        db.ensembles().define("both", both).unwrap();
        let users = (0..USERS).map(|user| {
            let [x, y] = place(&mut rng);
            json!({"user_id": format!("u{user}"), "x": x, "y": y})
        });
        let users = users.collect();
        let mut events = |count: usize, at: i64| -> Vec<Event> {
            let mut each = || {
                event(
                    rng.random_range(0..USERS),
                    rng.random_range(0..ITEMS + 5),
                    at,
                )
            };
            (0..count).map(|_| each()).collect()
        };
        let (before, held_out) = (events(60, 1), events(70, 2));
        Self {
            _dir: dir,
            db,
            data: Dataset {
                users,
                events: before,
                ..Dataset::default()
            },
            held_out,
        }
    }

    /// The mean of a measure by recalling for one user after the other.
    fn plain(&self, name: &str, measure: Measure, repeats: bool) -> f64 {
        let mut values = Vec::new();
        for user in &self.data.users {
            let id = user["user_id"].as_str().unwrap();
            let mine = |events: &[Event]| -> HashSet<String> {
                let mine = events.iter().filter(|event| event.user == id);
                mine.map(|event| event.item.clone()).collect()
            };
            let (seen, mut wanted) = (mine(&self.data.events), mine(&self.held_out));
            if !repeats {
                wanted.retain(|item| !seen.contains(item));
            }
            if wanted.is_empty() {
                continue;
            }
            let mut recall = self.db.recall(name).user(user).exact();
            if !repeats {
                recall = recall.exclude(&seen);
            }
            let hits = recall.top(measure.k()).unwrap();
            let found = hits
                .iter()
                .enumerate()
                .filter(|(_, hit)| wanted.contains(&hit.id));
            let ranks: Vec<usize> = found.map(|(rank, _)| rank).collect();
            values.push(measure.of(&ranks, wanted.len()));
        }
        values.iter().sum::<f64>() / values.len() as f64
    }
}

fn judge() -> Judge {
    Judge {
        ks: vec![3, 10],
        primary: Measure::Ndcg(3),
        bootstrap: Bootstrap {
            resamples: 20,
            ..Bootstrap::default()
        },
        ..Judge::default()
    }
}

#[test]
fn an_evaluation_agrees_with_recalls_one_by_one() {
    for (seed, repeats) in [(1, false), (2, true), (3, false)] {
        let world = World::new(seed);
        let before = format!("{:?}", world.db.stats().unwrap());
        let mut evaluation = world
            .db
            .evaluate(&world.data, &world.held_out)
            .judge(judge());
        if repeats {
            evaluation = evaluation.repeats();
        }
        let report = evaluation
            .segment_by("item.kind".parse().unwrap())
            .run()
            .unwrap();
        let names: Vec<&str> = report
            .results
            .iter()
            .map(|standing| &*standing.name)
            .collect();
        assert_eq!(names[..3], ["one", "other", "both"]);
        // Where repeats are to be found, the users' own counts are one more.
        let baselines = report.results.iter().filter(|of| of.is_baseline);
        assert_eq!(baselines.count(), 4 + usize::from(repeats));
        for name in ["one", "other", "both"] {
            let metrics = &report.standing(name).unwrap().metrics;
            for measure in [
                Measure::Hit(3),
                Measure::Recall(10),
                Measure::Ndcg(3),
                Measure::Map(10),
            ] {
                let found = metrics.get(&measure.to_string()).unwrap().value;
                let expected = world.plain(name, measure, repeats);
                assert!(
                    (found - expected).abs() < 1e-12,
                    "{name} {measure}: {found} {expected}"
                );
            }
            // So few items are scanned: the index finds all.
            let index = report.standing(name).unwrap().index.as_ref().unwrap();
            assert_eq!(index.of_exact.get("recall@10").unwrap().value, 1.0);
            assert_eq!(index.loss.difference.value, 0.0);
        }
        // Held-out items that the database lacks have no kind.
        let kinds = report.segments.last().unwrap();
        let named: Vec<String> = kinds.segments.iter().map(|of| of.of.to_string()).collect();
        assert!(named.contains(&"a".to_owned()) && named.contains(&"(no value)".to_owned()));
        let none = kinds
            .segments
            .iter()
            .find(|of| of.of.to_string() == "(no value)")
            .unwrap();
        assert_eq!(none.count, report.outside_catalogue);
        assert_eq!(
            format!("{:?}", world.db.stats().unwrap()),
            before,
            "nothing is written"
        );
    }
}

#[test]
fn generations_are_judged_side_by_side_and_users_that_cannot_be_read_are_counted() {
    let mut world = World::new(4);
    let earlier = world.db.pin().generation("other", GenerationNo(1)).unwrap();
    let evaluate = |world: &World| {
        let evaluation = world
            .db
            .evaluate(&world.data, &world.held_out)
            .judge(judge());
        evaluation
            .of("other")
            .of_state("other@1", "other", &earlier)
            .no_baselines()
            .run()
    };
    let report = evaluate(&world).unwrap();
    assert_eq!(report.results.len(), 2);
    let [now, then] = [0, 1].map(|at| report.results[at].metrics.get("recall@10").unwrap().value);
    assert_ne!(now, then);
    let difference = report.difference("other", "other@1", "hit@3");
    assert!(difference.is_some() && report.warnings().is_empty());

    let refused = world.held_out[0].user.clone();
    for user in world
        .data
        .users
        .iter_mut()
        .filter(|user| user["user_id"] == *refused)
    {
        user["y"] = json!("far");
    }
    let report = evaluate(&world).unwrap();
    assert_eq!(
        (report.results[0].refused, report.results[1].refused),
        (1, 0)
    );
    let because = report.results[0].refused_because.as_deref().unwrap();
    assert!(because.contains("`y`"), "{because}");
    for user in &mut world.data.users {
        user["y"] = json!("far");
    }
    let error = evaluate(&world).unwrap_err();
    assert!(
        matches!(error, EvaluateError::Recall(Error::User { .. })),
        "{error}"
    );
}

#[test]
fn evaluations_that_cannot_be_are_refused_and_a_callback_cancels() {
    let world = World::new(5);
    let evaluation = || world.db.evaluate(&world.data, &world.held_out);
    let unknown = evaluation().of("none").run().unwrap_err();
    assert!(
        matches!(unknown, EvaluateError::Recall(Error::UnknownSpace { .. })),
        "{unknown}"
    );
    let nothing = world.db.evaluate(&world.data, &[]).run().unwrap_err();
    assert!(matches!(nothing, EvaluateError::Data(_)), "{nothing}");
    let stop = |at: EvaluationProgress| {
        assert!(at.done > 0 && at.done < at.total);
        ControlFlow::Break(())
    };
    let cancelled = evaluation()
        .check_features(FeatureCheck::Lenient)
        .progress(stop)
        .run();
    assert!(matches!(cancelled, Err(EvaluateError::Cancelled)));
    let dir = tempfile::tempdir().unwrap();
    let empty = Database::open(dir.path().join("e.twin")).unwrap();
    let error = empty
        .evaluate(&world.data, &world.held_out)
        .run()
        .unwrap_err();
    assert!(matches!(error, EvaluateError::NoModels), "{error}");
}
