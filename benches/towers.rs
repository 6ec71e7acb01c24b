//! How long user towers take: `cargo bench --bench towers -- DIR` writes towers into `DIR` and measures
//! them; `python3 benches/towers_onnx.py DIR` measures ONNX Runtime on the weights of the first, and
//! `python3 benches/sequences_torch.py DIR` PyTorch on those of the encoders of sequences.
//!
//! Prints a JSON object a line: what was evaluated, records in a batch, microseconds for a record (the
//! median of many repetitions).
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark that fails may panic, and writes what is no database"
)]

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use twinspire::Towers;
use twinspire_testkit::measure::percentile;
use twinspire_testkit::random::uniform;
use twinspire_testkit::towers::{Tensor, save, tower_files};
use twinspire_towers::internals::schema::SequenceEncoder;

/// Units of the layers after the input.
const UNITS: [usize; 3] = [512, 256, 128];
const INPUT: usize = 512;
/// Records.
const ROWS: usize = 640;

/// The tensors of dense layers, as many units each.
fn dense(rng: &mut Pcg64Mcg, mut inputs: usize, units: &[usize]) -> Vec<Tensor> {
    let mut tensors = Vec::new();
    for (at, units) in units.iter().enumerate() {
        let bound = (6.0 / inputs as f32).sqrt();
        let weight = uniform(rng, units * inputs, bound);
        tensors.push((format!("layer.{at}.weight"), vec![*units, inputs], weight));
        let bias = uniform(rng, *units, 0.1);
        tensors.push((format!("layer.{at}.bias"), vec![*units], bias));
        inputs = *units;
    }
    tensors
}

fn layers(units: &[usize]) -> Value {
    let last = units.len() - 1;
    let layer = |(at, units): (usize, &usize)| {
        let activation = if at == last { "linear" } else { "relu" };
        json!({"kind": "dense", "units": units, "activation": activation})
    };
    units.iter().enumerate().map(layer).collect()
}

/// Towers of dense layers on the rows of a table: apart from the layers, a record costs the copy of a row.
fn plain(dir: &Path, rng: &mut Pcg64Mcg) -> Towers {
    let schema = json!({
        "format": 1, "name": "plain", "dimension": UNITS[2], "metric": "inner_product",
        "tables": {"x": {"dimension": INPUT, "lookup": {"index": {"rows": ROWS}}}},
        "user": {
            "features": [{"kind": "id", "field": "x", "table": "x"}], "layers": layers(&UNITS)
        },
        "item": {
            "features": [{"kind": "vector", "field": "x", "dimension": UNITS[2]}], "layers": []
        }
    });
    let mut tensors = dense(rng, INPUT, &UNITS);
    let rows = uniform(rng, ROWS * INPUT, 1.0);
    tensors.push(("table.x".to_owned(), vec![ROWS, INPUT], rows));
    save(
        dir,
        &tower_files(&schema, &[("user.safetensors", &tensors)]),
    )
}

/// Towers of a user as there are: three ids, fifty items met, six words, ten numbers.
fn real(dir: &Path, rng: &mut Pcg64Mcg) -> Towers {
    let mut features = vec![
        json!({"kind": "ids", "field": "history", "table": "item", "limit": 50}),
        json!({"kind": "text", "field": "query", "table": "gram"}),
    ];
    let table = |buckets: usize, dimension: usize| json!({"dimension": dimension, "lookup": {"hash": {"buckets": buckets}}});
    let mut tables = json!({"item": table(200_000, 64), "gram": table(30_000, 64)});
    let mut tensors: Vec<Tensor> = Vec::new();
    let mut weights = |name: &str, buckets: usize, dimension: usize| {
        let numbers = uniform(rng, buckets * dimension, 0.3);
        tensors.push((format!("table.{name}"), vec![buckets, dimension], numbers));
    };
    weights("item", 200_000, 64);
    weights("gram", 30_000, 64);
    for field in ["user_id", "city", "device"] {
        tables[field] = table(10_000, 32);
        weights(field, 10_000, 32);
        features.push(json!({"kind": "id", "field": field, "table": field}));
    }
    for at in 0..10 {
        let field = format!("n{at}");
        features.push(json!({"kind": "number", "field": field, "mean": 3.0, "deviation": 2.0}));
    }
    let width = 64 + 64 + 3 * 32 + 10;
    tensors.extend(dense(rng, width, &UNITS));
    let schema = json!({
        "format": 1, "name": "real", "dimension": UNITS[2], "metric": "cosine", "tables": tables,
        "user": {"features": features, "layers": layers(&UNITS)},
        "item": {
            "features": [{"kind": "vector", "field": "x", "dimension": UNITS[2]}], "layers": []
        }
    });
    save(
        dir,
        &tower_files(&schema, &[("user.safetensors", &tensors)]),
    )
}

/// Encoders of a history, by name.
fn encoders() -> [(&'static str, Value); 3] {
    let attention = |blocks: u32| json!({"attention": {"units": 64, "blocks": blocks}});
    [
        ("attention-1", attention(1)),
        ("attention-2", attention(2)),
        ("gru", json!({"gru": {"units": 64}})),
    ]
}

/// Towers that encode the last fifty items of a user, each an embedding of 64 components.
fn sequence(dir: &Path, rng: &mut Pcg64Mcg, encoder: &Value) -> Towers {
    let (items, width, length) = (200_000, 64, 50);
    let schema = json!({
        "format": 1, "name": "sequence", "dimension": width, "metric": "inner_product",
        "tables": {"item": {"dimension": width, "lookup": {"hash": {"buckets": items}}}},
        "user": {
            "features": [{"kind": "sequence", "field": "history", "table": "item", "limit": length, "encoder": encoder}],
            "layers": []
        },
        "item": {
            "features": [{"kind": "vector", "field": "x", "dimension": width}], "layers": []
        }
    });
    let described: SequenceEncoder = serde_json::from_value(encoder.clone()).unwrap();
    let mut tensors = vec![(
        "table.item".to_owned(),
        vec![items, width],
        uniform(rng, items * width, 1.0),
    )];
    for tensor in described.tensors(length, width) {
        let bound = (3.0 / width as f32).sqrt();
        let numbers = uniform(rng, tensor.shape.iter().product(), bound);
        tensors.push((format!("feature.0.{}", tensor.name), tensor.shape, numbers));
    }
    save(
        dir,
        &tower_files(&schema, &[("user.safetensors", &tensors)]),
    )
}

fn user(rng: &mut Pcg64Mcg) -> Value {
    let mut id = |most: u32| format!("B{:06}", rng.random_range(0..most));
    let history: Vec<_> = (0..50).map(|_| id(200_000)).collect();
    let mut user = json!({
        "user_id": id(10_000), "city": id(300), "device": id(5), "history": history,
        "query": "running shoes for rainy autumn days"
    });
    for at in 0..10 {
        user[format!("n{at}")] = json!(rng.random_range(0.0..6.0));
    }
    user
}

/// Median microseconds for a record.
fn measure(towers: &Towers, users: &[Value], batch: usize) -> f64 {
    let mut vectors = Vec::new();
    let mut times = Vec::new();
    let until = Instant::now() + Duration::from_secs(2);
    for batch in users.chunks_exact(batch).cycle() {
        let started = Instant::now();
        if started > until {
            break;
        }
        vectors.clear();
        towers
            .embed_users_into(black_box(batch), &mut vectors)
            .unwrap();
        black_box(&vectors);
        times.push(started.elapsed().as_secs_f64() * 1e6 / batch.len() as f64);
    }
    percentile(&mut times, 0.5)
}

/// Measures one record at a time, and a batch.
fn report(what: &str, towers: &Towers, users: &[Value]) {
    for batch in [1, 64] {
        let micros = measure(towers, users, batch);
        let line = json!({"peer": "twinspire", "what": what, "batch": batch, "micros": micros});
        println!("{line}");
    }
}

fn main() {
    let mut words = std::env::args().skip(1);
    let Some(dir) = words.find(|word| !word.starts_with("--")) else {
        eprintln!("usage: cargo bench --bench towers -- DIR");
        return;
    };
    let dir = PathBuf::from(dir);
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let towers = plain(&dir.join("plain"), &mut rng);
    let vectors: Vec<_> = (0..ROWS).map(|row| json!({"x": row})).collect();
    report("512-512-256-128, relu", &towers, &vectors);
    let towers = real(&dir.join("real"), &mut rng);
    let users: Vec<_> = (0..ROWS).map(|_| user(&mut rng)).collect();
    let name = "3 ids, 50 items, 6 words, 10 numbers; 234-512-256-128";
    report(name, &towers, &users);
    let histories = users.iter().map(|user| json!({"history": user["history"]}));
    let histories: Vec<_> = histories.collect();
    for (name, encoder) in encoders() {
        let towers = sequence(&dir.join(name), &mut rng, &encoder);
        report(&format!("50 items of 64, {name}"), &towers, &histories);
    }
}
