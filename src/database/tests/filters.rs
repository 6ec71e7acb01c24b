//! Every plan of a filtered search finds the best passing items, whichever plan would be chosen.

use super::*;
use crate::graph::WalkLimits;
use crate::recall::{Plan, with_plan};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use std::collections::HashSet;

pub(super) const DIMENSION: usize = 8;

/// An item near the centre of its group, which is `id` modulo 20.
pub(super) fn grouped(random: &mut Pcg64Mcg, id: usize) -> Value {
    let group = id % 20;
    let mut item = json!({
        "id": format!("B{id:05}"), "group": group, "bucket": id * 7919 % 1000,
        "tags": (0..4).filter(|tag| id >> tag & 1 == 1).collect::<Vec<_>>(),
        // A text too long for a column, of which only the record can tell.
        "note": if id.is_multiple_of(3) { "x".repeat(300 + id % 2) } else { "y".to_owned() },
    });
    let mut centre = Pcg64Mcg::seed_from_u64(group as u64);
    for at in 0..DIMENSION {
        let noise: f64 = random.random_range(-0.5..0.5);
        item[format!("v{at}")] = json!(centre.random_range(-1.0..1.0) + noise);
    }
    item
}

/// Several segments, items that were changed and deleted, and some that are not sealed yet.
pub(super) fn database(index: IndexKind, records: &mut BTreeMap<String, Value>) -> Database {
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let db = open(&MemoryFiles::default()).unwrap();
    for (from, to) in [(0, 1500), (1200, 2000), (1900, 2200), (100, 140)] {
        let items: Vec<_> = (from..to).map(|id| grouped(&mut random, id)).collect();
        db.items().put_many(&items).unwrap();
        for item in items {
            records.insert(item["id"].as_str().unwrap().to_owned(), item);
        }
        for id in (from..to).step_by(29) {
            let id = format!("B{id:05}");
            db.items().delete(&id).unwrap();
            records.remove(&id);
        }
        match from {
            0 => drop(
                db.publish(SPACE)
                    .towers(vector_towers(DIMENSION, "l2"))
                    .index(IndexChoice::Only(index))
                    .run()
                    .unwrap(),
            ),
            100 => {}
            _ => drop(db.seal().unwrap()),
        }
    }
    db
}

#[test]
fn every_plan_finds_the_best_that_pass() {
    every_plan(IndexKind::Graph);
}

#[test]
fn every_plan_finds_the_best_that_pass_in_partitions() {
    every_plan(IndexKind::Partitions);
}

fn every_plan(index: IndexKind) {
    type Meaning<'a> = &'a dyn Fn(&Value) -> bool;
    let mut records = BTreeMap::new();
    let db = database(index, &mut records);
    let mut random = Pcg64Mcg::seed_from_u64(2);
    let number = |record: &Value, field: &str| record[field].as_u64().unwrap();
    let long = "x".repeat(301);
    let filters: [(String, Meaning<'_>); 8] = [
        ("bucket < 500".to_owned(), &|r| number(r, "bucket") < 500),
        ("bucket < 30".to_owned(), &|r| number(r, "bucket") < 30),
        ("bucket >= 20".to_owned(), &|r| number(r, "bucket") >= 20),
        ("group = 3 or bucket in (5, 6)".to_owned(), &|r| {
            number(r, "group") == 3 || [5, 6].contains(&number(r, "bucket"))
        }),
        ("group != 3 and tags has all (0, 2)".to_owned(), &|r| {
            let tags = r["tags"].as_array().unwrap();
            number(r, "group") != 3 && tags.contains(&json!(0)) && tags.contains(&json!(2))
        }),
        (format!("not note = '{long}' and bucket < 700"), &|r| {
            r["note"] != *long && number(r, "bucket") < 700
        }),
        (format!("note = '{long}' and group < 10"), &|r| {
            r["note"] == *long && number(r, "group") < 10
        }),
        ("group = 3 and group = 4".to_owned(), &|_| false),
    ];
    let graph = |budget| Plan::Index {
        ef: 300,
        limits: WalkLimits {
            expansions: 300,
            beam: 300,
            score_budget: budget,
        },
    };
    let plans = [
        Plan::ScanItems,
        Plan::ScanNodes,
        graph(u64::MAX),
        // Exceeds its budget, and scans.
        graph(50),
    ];
    let (mut found, mut wanted) = (0, 0);
    for query in 0..12 {
        let query = grouped(&mut random, query);
        let query: Vec<f32> = (0..DIMENSION)
            .map(|at| query[format!("v{at}")].as_f64().unwrap() as f32)
            .collect();
        let recall = || db.recall(SPACE).vector(&query);
        let all = recall().exact().top(10_000).unwrap();
        assert_eq!(all.len(), records.len());
        for (text, meaning) in &filters {
            let passing = all.iter().filter(|hit| meaning(&records[&hit.id]));
            let passing: Vec<&str> = passing.map(|hit| hit.id.as_str()).collect();
            for k in [1, 10, 60] {
                let best: HashSet<&str> = passing.iter().copied().take(k).collect();
                for (at, plan) in plans.into_iter().enumerate() {
                    let hits = with_plan(plan, || recall().filter(text.as_str()).top(k).unwrap());
                    let ids: HashSet<&str> = hits.iter().map(|hit| hit.id.as_str()).collect();
                    assert_eq!(ids.len(), best.len(), "{text}: {plan:?}");
                    assert!(
                        ids.iter().all(|id| passing.contains(id)),
                        "{text}: {plan:?}"
                    );
                    if matches!(at, 0 | 1) {
                        assert_eq!(ids, best, "{text}: {plan:?}");
                    } else {
                        found += ids.intersection(&best).count();
                        wanted += best.len();
                    }
                }
            }
        }
    }
    let recall = found as f64 / wanted as f64;
    assert!(recall > 0.99, "the searches of the index found {recall}");
}
