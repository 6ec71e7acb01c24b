//! Recall on vectors of one kind, by score: the default beam width, and recall targets.
//!
//! ```sh
//! cargo bench --bench recall_table -- PREFIX   # PREFIX.base.f32, PREFIX.query.f32, PREFIX.json
//! ```
//!
//! The JSON file has `dim` and `metric`. `recall_table.py` makes such files of many kinds, and prints
//! hnswlib's figures beside these. Prints a JSON object: seconds to publish, and for each k and effort the
//! share of the exact answer that is found (an item counts if it scores as much as the k-th best) and
//! microseconds a query, the median, one thread.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use serde_json::{Map, Value, json};
use std::fs;
use std::path::Path;
use std::time::Instant;
use twinspire::{Database, Hits, Metric, Recall, Towers};
use twinspire_testkit::measure::round;

const SPACE: &str = "vectors";
const KS: [usize; 2] = [10, 100];
/// Scores that differ by less than this share are equal: they are summed in another order.
const EQUAL: f32 = 1e-5;

fn main() {
    // `cargo bench` itself passes --bench.
    let mut words = std::env::args().skip(1);
    let prefix = words.find(|word| !word.starts_with("--")).unwrap();
    let description: Value =
        serde_json::from_slice(&fs::read(format!("{prefix}.json")).unwrap()).unwrap();
    let dimension = description["dim"].as_u64().unwrap() as usize;
    let metric = match description["metric"].as_str().unwrap() {
        "cosine" => Metric::Cosine,
        "l2" => Metric::L2,
        _ => Metric::InnerProduct,
    };
    let base = floats(&format!("{prefix}.base.f32"));
    let queries = floats(&format!("{prefix}.query.f32"));
    let home = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let db = publish(&home.path().join("table.twin"), &base, dimension, metric);
    let build_s = round(start.elapsed().as_secs_f64(), 1);

    let mut figures = Map::new();
    for k in KS {
        let worst: Vec<f32> = queries
            .chunks_exact(dimension)
            .map(|query| {
                let hits = db.recall(SPACE).vector(query).exact().top(k).unwrap();
                hits.last().unwrap().score
            })
            .collect();
        let measure = |effort: &dyn Fn(Recall<'_>) -> Hits| {
            let (mut found, mut micros) = (0, Vec::new());
            for (query, worst) in queries.chunks_exact(dimension).zip(&worst) {
                let start = Instant::now();
                let hits = effort(db.recall(SPACE).vector(query));
                micros.push(start.elapsed().as_secs_f64() * 1e6);
                let least = worst - EQUAL * worst.abs();
                found += hits.iter().filter(|hit| hit.score >= least).count();
            }
            micros.sort_by(f64::total_cmp);
            let share = found as f64 / (k * worst.len()) as f64;
            json!([round(share, 4), round(micros[micros.len() / 2], 0)])
        };
        let mut row = Map::new();
        row.insert(
            "default".to_owned(),
            measure(&|recall| recall.top(k).unwrap()),
        );
        for target in [0.9, 0.95, 0.99] {
            let recall = measure(&|recall| recall.recall_target(target).top(k).unwrap());
            row.insert(target.to_string(), recall);
        }
        figures.insert(k.to_string(), row.into());
    }
    let nodes = base.len() / dimension;
    println!(
        "{}",
        json!({"items": nodes, "build_s": build_s, "recall": figures})
    );
}

/// Stores an item for each vector and publishes them.
fn publish(path: &Path, base: &[f32], dimension: usize, metric: Metric) -> Database {
    let db = Database::open(path).unwrap();
    let ids = || (0..base.len() / dimension).map(|item| item.to_string());
    let records: Vec<Value> = ids().map(|id| json!({"id": id})).collect();
    for records in records.chunks(10_000) {
        db.items().put_many(records).unwrap();
    }
    let towers = Towers::vectors_only(SPACE, dimension, metric).unwrap();
    let vectors = ids().zip(base.chunks_exact(dimension).map(<[f32]>::to_vec));
    db.publish(SPACE)
        .towers(towers)
        .vectors(vectors)
        .run()
        .unwrap();
    db
}

fn floats(path: &str) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let (numbers, _) = bytes.as_chunks::<4>();
    numbers.iter().map(|x| f32::from_le_bytes(*x)).collect()
}
