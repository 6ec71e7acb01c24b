//! What recall targets promise, and what users get: generated sets that graphs find hard, and users that were
//! not measured.
//!
//! ```sh
//! cargo bench --bench promise                  # 50,000 vectors of 64 components
//! cargo bench --bench promise -- 200000 128    # items, components
//! ```
//!
//! Prints a JSON object for each set, calibration (made-up queries, then a thousand users), k and target:
//! what the answer promises (the lower bound, or the exact answer), the share of the exact answer that
//! held-out users get, and microseconds a query. Then what the default beam width is said to find, and
//! what it finds.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use serde_json::{Value, json};
use std::time::Instant;
use twinspire::{Database, Hits, Metric, Promise, Recall};
use twinspire_testkit::hard_sets::Hard;
use twinspire_testkit::measure::round;
use twinspire_testkit::towers::{identity, identity_record, open};

const SPACE: &str = "things";
const KS: [usize; 3] = [1, 10, 100];
const TARGETS: [f32; 5] = [0.8, 0.9, 0.95, 0.99, 0.999];
/// Users that are measured, and users that are held out.
const USERS: (usize, usize) = (1_000, 500);

fn main() {
    let words = std::env::args().skip(1);
    let words = words.filter(|word| !word.starts_with("--"));
    let numbers: Vec<usize> = words.map(|word| word.parse().unwrap()).collect();
    let items = numbers.first().copied().unwrap_or(50_000);
    let dimension = numbers.get(1).copied().unwrap_or(64);
    for kind in Hard::ALL {
        let metric = match kind {
            Hard::Norms => Metric::InnerProduct,
            _ => Metric::Cosine,
        };
        report(kind, metric, items, dimension);
    }
}

fn report(kind: Hard, metric: Metric, items: usize, dimension: usize) {
    let home = tempfile::tempdir().unwrap();
    let db = Database::open(home.path().join("promise.twin")).unwrap();
    let set = kind.generate((items, USERS.0 + USERS.1), dimension, 3);
    let record = |(at, row): (usize, &Vec<f32>)| identity_record(Some(at), row);
    let records: Vec<Value> = set.items.iter().enumerate().map(record).collect();
    for records in records.chunks(10_000) {
        db.items().put_many(records).unwrap();
    }
    let name = json!(metric);
    let towers = open(&identity(dimension, name.as_str().unwrap()));
    let start = Instant::now();
    db.publish(SPACE).towers(towers).run().unwrap();
    let published = start.elapsed().as_secs_f64();
    let (given, held_out) = set.users.split_at(USERS.0);
    let recall = |user| db.recall(SPACE).vector(user);
    let truth: Vec<Hits> = held_out
        .iter()
        .map(|user| recall(user).exact().top(100).unwrap())
        .collect();
    let line = |calibrated: &str,
                k: usize,
                asked: &str,
                ask: &dyn for<'a> Fn(Recall<'a>) -> Recall<'a>| {
        let start = Instant::now();
        let answers = held_out
            .iter()
            .map(|user| ask(recall(user)).top(k).unwrap());
        let answers: Vec<Hits> = answers.collect();
        let micros = start.elapsed().as_secs_f64() * 1e6 / held_out.len() as f64;
        let found = answers.iter().zip(&truth).map(|(hits, truth)| {
            let least = truth[k - 1].score;
            hits.iter().filter(|hit| hit.score >= least).count()
        });
        let share = found.sum::<usize>() as f64 / (k * held_out.len()) as f64;
        let promised = match answers[0].promise() {
            Some(Promise::Measured(measured)) => json!(round(f64::from(measured.lower), 4)),
            Some(promise) => json!(promise.to_string()),
            None => json!(null),
        };
        println!(
            "{}",
            json!({
                "set": format!("{kind:?}"), "items": items, "dimension": dimension,
                "publish_s": round(published, 2), "calibrated": calibrated, "k": k, "asked": asked,
                "promised": promised, "users_get": round(share, 4), "micros": round(micros, 1),
            })
        );
    };
    for calibrated in ["made up", "users"] {
        if calibrated == "users" {
            let users = given.iter().map(|user| identity_record(None, user));
            db.calibrate_users(SPACE, &users.collect::<Vec<_>>())
                .unwrap();
        }
        for (k, target) in KS.iter().flat_map(|k| TARGETS.map(|target| (*k, target))) {
            line(calibrated, k, &target.to_string(), &|recall| {
                recall.recall_target(target)
            });
        }
        let said = db.stats().unwrap().spaces[SPACE].recall.unwrap();
        line(
            calibrated,
            10,
            &format!("default, said to be {said}"),
            &|recall| recall,
        );
    }
}
