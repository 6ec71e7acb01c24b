//! What unsealed items cost: recalls over them, pins, refreshes, puts beside many spaces, segments.
//!
//! ```sh
//! cargo bench --bench fresh
//! ```
//!
//! Prints medians in microseconds, of calls on one thread. `over` is what a recall takes more than the same
//! recall without fresh items. The ceiling is 1,000 µs over at 10,000 fresh items of 128 components, with
//! and without a filter.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;
use twinspire::{Database, Metric, Recall, Towers, WeightedSum};
use twinspire_testkit::measure::{percentile, round};
use twinspire_testkit::vectors::VectorSet;

const SPACE: &str = "vectors";
const OTHER: &str = "other";
const BOTH: &str = "both";
const SEALED: usize = 20_000;
const FRESH: [usize; 3] = [1_000, 10_000, 50_000];
const DIMENSION: usize = 128;
const QUERIES: usize = 50;

fn main() {
    let most = SEALED + FRESH[FRESH.len() - 1];
    let set = VectorSet::simulate(most, DIMENSION, QUERIES);
    let home = tempfile::tempdir().unwrap();
    for fresh in FRESH {
        let path = home.path().join(format!("{fresh}.twin"));
        fresh_items(&path, &set, fresh);
    }
    for spaces in [1, 10, 100] {
        let path = home.path().join(format!("{spaces}-spaces.twin"));
        many_spaces(&path, spaces);
    }
    many_seals(&home.path().join("seals.twin"), &set);
}

fn open(path: &Path) -> Database {
    let options = Database::options().background(false);
    options
        .seal_writes(1 << 30)
        .seal_bytes(1 << 40)
        .open(path)
        .unwrap()
}

fn record(id: usize) -> Value {
    json!({
        "id": id.to_string(), "bucket": id % 100, "brand": format!("brand {}", id % 37),
        "price": id % 1_000, "colours": ["red", if id.is_multiple_of(2) { "white" } else { "blue" }],
    })
}

/// The median time of a call, in microseconds.
fn median(count: usize, mut call: impl FnMut(usize)) -> f64 {
    let time = |at| {
        let started = Instant::now();
        call(at);
        started.elapsed().as_secs_f64() * 1e6
    };
    let mut times: Vec<f64> = (0..count).map(time).collect();
    round(percentile(&mut times, 0.5), 1)
}

/// The median of a recall by each query.
fn recalls<'a>(set: &VectorSet, make: impl Fn(usize) -> Recall<'a>) -> f64 {
    median(2 * set.queries(), |at| {
        let hits = make(at % set.queries()).top(10).unwrap();
        assert_eq!(hits.len(), 10);
    })
}

fn fresh_items(path: &Path, set: &VectorSet, fresh: usize) {
    let db = open(path);
    let put = |from: usize, to: usize| {
        for from in (from..to).step_by(1_000) {
            let records: Vec<Value> = (from..to.min(from + 1_000)).map(record).collect();
            db.items().put_many(&records).unwrap();
        }
    };
    put(0, SEALED);
    for space in [SPACE, OTHER] {
        db.publish(space).towers(set.towers()).run().unwrap();
    }
    let both = WeightedSum::new().space(SPACE, 0.6).space(OTHER, 0.4);
    db.ensembles().define(BOTH, both).unwrap();
    let reader = Database::open_read_only(path).unwrap();
    let measure = |db: &Database| {
        let vector = |at: usize| set.query(at);
        let plain = recalls(set, |at| db.recall(SPACE).vector(vector(at)));
        let filter = "bucket < 20 and colours = 'red'";
        let filtered = recalls(set, |at| db.recall(SPACE).vector(vector(at)).filter(filter));
        let both = recalls(set, |at| db.recall(BOTH).vector(vector(at)));
        [plain, filtered, both]
    };
    let before = measure(&db);
    let started = Instant::now();
    put(SEALED, SEALED + fresh);
    let put = round(started.elapsed().as_secs_f64() * 1e6 / fresh as f64, 2);
    let after = measure(&db);
    for ((name, before), after) in ["recall", "filtered", "ensemble"]
        .iter()
        .zip(before)
        .zip(after)
    {
        let over = round(after - before, 1);
        println!("{fresh:6} fresh: {name:10} {after:9} µs, {over:9} over");
    }
    let pinned = median(100, |at| {
        let state = db.pin();
        state
            .recall(SPACE)
            .vector(set.query(at % QUERIES))
            .top(10)
            .unwrap();
    });
    let first = median(1, |_| reader.refresh().unwrap());
    let idle = median(20, |_| reader.refresh().unwrap());
    let one = median(20, |at| {
        db.items().put(&record(at)).unwrap();
        reader.refresh().unwrap();
    });
    println!("{fresh:6} fresh: pin and recall {pinned} µs, put {put} µs an item in batches");
    println!(
        "{fresh:6} fresh: refresh: all {first} µs, nothing {idle} µs, put and refresh {one} µs"
    );
}

/// A put beside spaces that know nothing of the item.
fn many_spaces(path: &Path, spaces: usize) {
    let db = open(path);
    db.items().put(&json!({"id": "first"})).unwrap();
    for space in 0..spaces {
        let towers = Towers::vectors_only("given", 4, Metric::Cosine).unwrap();
        let vectors = [("first", [1.0, 0.0, 0.0, 0.0])];
        let name = format!("given-{space:03}");
        db.publish(&name)
            .towers(towers)
            .vectors(vectors)
            .run()
            .unwrap();
    }
    let put = median(200, |at| {
        db.items().put(&record(at)).unwrap();
    });
    drop(db);
    let reopen = median(3, |_| drop(open(path)));
    println!("{spaces:3} spaces: put {put} µs, open {reopen} µs");
}

/// Recalls after many small seals, and what the seals took.
fn many_seals(path: &Path, set: &VectorSet) {
    let db = open(path);
    let records: Vec<Value> = (0..SEALED).map(record).collect();
    db.items().put_many(&records).unwrap();
    db.publish(SPACE).towers(set.towers()).run().unwrap();
    let plain = || recalls(set, |at| db.recall(SPACE).vector(set.query(at)));
    let (before, started) = (plain(), Instant::now());
    let mut most = 0.0f64;
    for seal in 0..60 {
        let records: Vec<Value> = (0..50)
            .map(|n| record((seal * 997 + n * 13) % SEALED))
            .collect();
        db.items().put_many(&records).unwrap();
        let took = median(1, |_| {
            db.seal().unwrap();
        });
        most = most.max(took);
    }
    let each = round(started.elapsed().as_secs_f64() * 1e6 / 60.0, 0);
    let segments = db.stats().unwrap().spaces[SPACE].segments;
    let after = plain();
    println!(
        "60 seals of 50 items over {SEALED}: {segments} segments, recall {before} then {after} µs; \
         a seal took {each} µs, at most {most}"
    );
}
