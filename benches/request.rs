//! A whole request: the JSON text of a user's raw features in, the ten best items out.
//!
//! ```sh
//! cargo bench --bench request                 # 200,000 simulated items of 128 components
//! cargo bench --bench request -- PREFIX       # PREFIX.base.f32, PREFIX.query.f32, PREFIX.json
//! cargo bench --bench request -- PREFIX DIR   # keeps the database in DIR, and uses the one that is there
//! ```
//!
//! The user has three ids, a history of 50 items (pooled from the vectors of the same generation), a text
//! of six words and ten numbers; the user tower has layers of 512, 256 and as many units as a vector has
//! components. It gives the query of the set that was learnt for the user's id, and a little of
//! everything else. One request at a time by one thread.
//!
//! Prints a JSON object: for each efSearch the share of the exact top 10 found and the median
//! microseconds of a request; then, at the least efSearch that finds 0.95, the 50th and 99th percentile
//! and the median of each stage.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;
use twinspire::{Database, Hits, Metric, Towers};
use twinspire_testkit::database::ids;
use twinspire_testkit::measure::{percentile, round};
use twinspire_testkit::random::uniform;
use twinspire_testkit::towers::{Tensor, open as open_towers, tower_files};
use twinspire_testkit::vectors::VectorSet;

const SPACE: &str = "home";
const K: usize = 10;
const EFS: [usize; 8] = [10, 16, 24, 32, 48, 64, 96, 128];
const HISTORY: usize = 50;
/// Components of the embeddings of a text and of an id.
const TEXT: usize = 64;
const ID: usize = 32;
const OTHER_IDS: [&str; 2] = ["city", "device"];
const NUMBERS: usize = 10;
/// How much everything else adds.
const REST: f32 = 0.001;

fn main() {
    // `cargo bench` itself passes --bench.
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    let (prefix, kept) = (words.next(), words.next());
    let set = match prefix {
        Some(prefix) => VectorSet::read(&prefix),
        None => VectorSet::simulate(200_000, 128, 1_000),
    };
    let home = tempfile::tempdir().unwrap();
    let home = kept.map_or_else(|| home.path().to_owned(), PathBuf::from);
    let db = Database::open(home.join("request.twin")).unwrap();
    if db.stats().unwrap().spaces.is_empty() {
        publish(&db, &set, &mut Pcg64Mcg::seed_from_u64(11));
    }
    let mut random = Pcg64Mcg::seed_from_u64(12);
    let users: Vec<String> = (0..set.queries())
        .map(|at| user(at, &set, &mut random))
        .collect();
    let exact: Vec<HashSet<String>> = users
        .iter()
        .map(|text| {
            let user: Value = serde_json::from_str(text).unwrap();
            let hits = db.recall(SPACE).user(&user).exact().top(K).unwrap();
            ids(&hits).into_iter().collect()
        })
        .collect();
    let mut curve = Vec::new();
    let mut enough = None;
    for ef in EFS {
        let (mut found, mut times) = (0, Vec::new());
        for (text, exact) in users.iter().zip(&exact) {
            let started = Instant::now();
            let hits = ask(&db, text, ef, false).0;
            times.push(started.elapsed().as_secs_f64() * 1e6);
            found += hits.iter().filter(|hit| exact.contains(&hit.id)).count();
        }
        let recall = found as f64 / (users.len() * K) as f64;
        curve.push(json!({
            "ef": ef, "recall": round(recall, 4), "p50_us": round(percentile(&mut times, 0.5), 1)
        }));
        if recall >= 0.95 && enough.is_none() {
            enough = Some(ef);
        }
    }
    let mut document = json!({"items": set.items(), "dimension": set.dimension, "curve": curve});
    if let Some(ef) = enough {
        document["at_0.95"] = split(&db, &users, ef);
    }
    println!("{document}");
}

/// One request; how long the text took to be parsed, in microseconds.
fn ask(db: &Database, text: &str, ef: usize, explain: bool) -> (Hits, f64) {
    let started = Instant::now();
    let user: Value = serde_json::from_str(text).unwrap();
    let parse = started.elapsed().as_secs_f64() * 1e6;
    let recall = db.recall(SPACE).user(&user).ef(ef);
    let recall = if explain { recall.explain() } else { recall };
    (recall.top(K).unwrap(), parse)
}

/// Percentiles of requests, and the median of each of their stages.
fn split(db: &Database, users: &[String], ef: usize) -> Value {
    let mut times = Vec::new();
    for text in users {
        let started = Instant::now();
        ask(db, text, ef, false);
        times.push(started.elapsed().as_secs_f64() * 1e6);
    }
    let mut stages: [Vec<f64>; 5] = Default::default();
    for text in users {
        let (hits, parse) = ask(db, text, ef, true);
        let micros = &hits.explained().unwrap().micros;
        let of = [micros.prepare, micros.query, micros.search, micros.answer];
        stages[0].push(parse);
        for (stage, micros) in stages[1..].iter_mut().zip(of) {
            stage.push(micros);
        }
    }
    let [parse, prepare, query, search, answer] =
        stages.map(|mut stage| round(percentile(&mut stage, 0.5), 1));
    json!({
        "ef": ef,
        "p50_us": round(percentile(&mut times, 0.5), 1),
        "p99_us": round(percentile(&mut times, 0.99), 1),
        "stages_us": {
            "JSON": parse, "prepare": prepare, "user tower": query, "search": search, "ids": answer
        },
    })
}

fn id(item: usize) -> String {
    format!("B{item:06}")
}

fn publish(db: &Database, set: &VectorSet, random: &mut Pcg64Mcg) {
    for from in (0..set.items()).step_by(2_000) {
        let records = (from..set.items().min(from + 2_000)).map(|item| json!({"id": id(item)}));
        db.items().put_many(&records.collect::<Vec<_>>()).unwrap();
    }
    let vectors = (0..set.items()).map(|item| (id(item), set.item(item)));
    db.publish(SPACE)
        .towers(towers(set, random))
        .vectors(vectors)
        .run()
        .unwrap();
}

/// A user tower that gives the query of the user's id and a little of everything else. A number passes
/// ReLU as two of which one is 0: x = relu(x) - relu(-x).
fn towers(set: &VectorSet, random: &mut Pcg64Mcg) -> Towers {
    let dimension = set.dimension;
    let width = 2 * dimension + TEXT + OTHER_IDS.len() * ID + NUMBERS;
    let units = [4 * dimension, 2 * dimension, dimension];
    let mut features = vec![
        json!({"kind": "id", "field": "user_id", "table": "users"}),
        json!({"kind": "items", "field": "history", "limit": HISTORY}),
        json!({"kind": "text", "field": "query", "table": "grams"}),
    ];
    let table = |buckets: usize, dimension: usize| json!({"dimension": dimension, "lookup": {"hash": {"buckets": buckets}}});
    let users = json!({"dimension": dimension, "lookup": {"index": {"rows": set.queries()}}});
    let mut tables = json!({"grams": table(30_000, TEXT), "users": users});
    let mut noise = |count: usize, bound: f32| uniform(random, count, bound);
    let mut tensors: Vec<Tensor> = vec![(
        "table.grams".to_owned(),
        vec![30_000, TEXT],
        noise(30_000 * TEXT, 0.3),
    )];
    let queries = (0..set.queries()).flat_map(|at| set.query(at).to_vec());
    let shape = vec![set.queries(), dimension];
    tensors.push(("table.users".to_owned(), shape, queries.collect()));
    for field in OTHER_IDS {
        tables[field] = table(10_000, ID);
        features.push(json!({"kind": "id", "field": field, "table": field}));
        tensors.push((
            format!("table.{field}"),
            vec![10_000, ID],
            noise(10_000 * ID, 0.3),
        ));
    }
    for at in 0..NUMBERS {
        let field = format!("n{at}");
        features.push(json!({"kind": "number", "field": field, "mean": 3.0, "deviation": 2.0}));
    }
    let mut layers = Vec::new();
    let mut inputs = width;
    for (at, units) in units.into_iter().enumerate() {
        let mut weight = noise(units * inputs, REST);
        for unit in 0..units.min(2 * dimension) {
            let row = &mut weight[unit * inputs..][..inputs];
            let (component, sign) = (unit % dimension, if unit < dimension { 1.0 } else { -1.0 });
            match at {
                0 => row[component] += sign,
                1 => row[unit] += 1.0,
                _ => {
                    row[component] += 1.0;
                    row[component + dimension] -= 1.0;
                }
            }
        }
        tensors.push((format!("layer.{at}.weight"), vec![units, inputs], weight));
        tensors.push((format!("layer.{at}.bias"), vec![units], vec![0.0; units]));
        let activation = if at == 2 { "linear" } else { "relu" };
        layers.push(json!({"kind": "dense", "units": units, "activation": activation}));
        inputs = units;
    }
    let schema = json!({
        "format": 1, "name": "request", "dimension": dimension, "metric": Metric::Cosine.to_string(),
        "tables": tables, "user": {"features": features, "layers": layers}
    });
    open_towers(&tower_files(&schema, &[("user.safetensors", &tensors)]))
}

/// What is known of the user of a query.
fn user(at: usize, set: &VectorSet, random: &mut Pcg64Mcg) -> String {
    let items = 0..set.items();
    let history: Vec<_> = (0..HISTORY)
        .map(|_| id(random.random_range(items.clone())))
        .collect();
    let mut of = |most: u32| format!("u{}", random.random_range(0..most));
    let mut user = json!({
        "user_id": at, "city": of(300), "device": of(5), "history": history,
        "query": "running shoes for rainy autumn days"
    });
    for at in 0..NUMBERS {
        user[format!("n{at}")] = json!(random.random_range(0.0..6.0));
    }
    user.to_string()
}
