//! The library's side of `benches/telemetry.py`, which builds this program with and without the features `tracing` and
//! `metrics`, and lets the builds take turns.
//!
//! `cargo bench --bench telemetry -- DIR write ITEMS DIMENSION` writes a database and queries. With `DIR LISTENERS`,
//! such as `DIR recorder,subscriber`, each line of the input is answered with the median microseconds of a recall by
//! each query.
#![allow(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that fails may panic, and reads what is no database"
)]

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use serde_json::Value;
use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Instant;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata as SpanMetadata, Subscriber};
use twinspire::{Database, IndexChoice, IndexKind};
use twinspire_testkit::hard_sets::Hard;
use twinspire_testkit::measure::{percentile, round};
use twinspire_testkit::open_without_background;
use twinspire_testkit::towers::{identity, identity_record, open};

const SPACE: &str = "things";
const K: usize = 10;
const QUERIES: usize = 1_000;

fn main() {
    // `cargo bench` itself passes --bench.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [directory, "write", items, dimension] => write(
            Path::new(directory),
            (items.parse().unwrap(), dimension.parse().unwrap()),
        ),
        [directory, listeners] => answer(Path::new(directory), listeners),
        _ => panic!("usage: DIR write ITEMS DIMENSION, or DIR LISTENERS"),
    }
}

fn write(directory: &Path, (items, dimension): (usize, usize)) {
    let set = Hard::Clusters.generate((items, QUERIES), dimension, 3);
    let db = open_without_background(&directory.join("telemetry.twin"));
    let record = |(at, row): (usize, &Vec<f32>)| identity_record(Some(at), row);
    let records: Vec<Value> = set.items.iter().enumerate().map(record).collect();
    for records in records.chunks(10_000) {
        db.items().put_many(records).unwrap();
    }
    let towers = open(&identity(dimension, "cosine"));
    let index = IndexChoice::Only(IndexKind::Graph);
    db.publish(SPACE).towers(towers).index(index).run().unwrap();
    let queries = serde_json::to_vec(&set.users).unwrap();
    std::fs::write(directory.join("queries.json"), queries).unwrap();
}

fn answer(directory: &Path, listeners: &str) {
    if listeners.contains("recorder") {
        metrics::set_global_recorder(Sums::default()).unwrap();
    }
    if listeners.contains("subscriber") {
        tracing::subscriber::set_global_default(Spans::default()).unwrap();
    }
    let queries = std::fs::read(directory.join("queries.json")).unwrap();
    let queries: Vec<Vec<f32>> = serde_json::from_slice(&queries).unwrap();
    let db = Database::open_read_only(directory.join("telemetry.twin")).unwrap();
    for line in std::io::stdin().lines() {
        line.unwrap();
        let time = |query: &Vec<f32>| {
            let started = Instant::now();
            black_box(db.recall(SPACE).vector(query).top(K).unwrap());
            started.elapsed().as_secs_f64() * 1e6
        };
        let mut times: Vec<f64> = queries.iter().map(time).collect();
        println!("{}", round(percentile(&mut times, 0.5), 3));
    }
}

/// A recorder that looks up each series in a table, as exporters do.
#[derive(Default)]
struct Sums(RwLock<HashMap<Key, Arc<Sum>>>);

#[derive(Default)]
struct Sum(AtomicU64);

impl CounterFn for Sum {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl HistogramFn for Sum {
    fn record(&self, value: f64) {
        self.0.fetch_add(value.to_bits(), Ordering::Relaxed);
    }
}

impl Sums {
    fn of(&self, key: &Key) -> Arc<Sum> {
        if let Some(found) = self.0.read().unwrap().get(key) {
            return Arc::clone(found);
        }
        Arc::clone(self.0.write().unwrap().entry(key.clone()).or_default())
    }
}

impl Recorder for Sums {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.of(key))
    }
}

/// A subscriber that takes every span and keeps none: what the library itself spends on them.
#[derive(Default)]
struct Spans(AtomicU64);

impl Subscriber for Spans {
    fn enabled(&self, metadata: &SpanMetadata<'_>) -> bool {
        metadata.target().starts_with("twinspire")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        black_box(attributes);
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        black_box(values);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
