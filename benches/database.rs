//! What single calls cost: writing, opening, reading, recalling.
//!
//! ```sh
//! cargo bench --bench database
//! ```
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]
#![allow(missing_docs, reason = "the functions are made by criterion's macros")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use std::hint::black_box;
use tempfile::TempDir;
use twinspire::Database;
use twinspire_testkit::vectors::VectorSet;

const ITEMS: usize = 10_000;

fn record(number: usize) -> Value {
    json!({
        "id": format!("B{number:07}"), "title": "red running shoes, light, for every day",
        "brand": "Fleet", "price": 59.5, "colours": ["red", "white"],
    })
}

/// Durable writes: each call ends with an fsync.
fn write(c: &mut Criterion) {
    let home = tempfile::tempdir().unwrap();
    let db = Database::open(home.path().join("write.twin")).unwrap();
    let mut next = (0..).map(record);
    c.bench_function("put, durable", |b| {
        b.iter(|| db.items().put(&next.next().unwrap()).unwrap());
    });
    let mut group = c.benchmark_group("put_many, durable");
    group.throughput(Throughput::Elements(1_000));
    let batch: Vec<Value> = next.take(1_000).collect();
    group.bench_function("1,000 items", |b| {
        b.iter(|| db.items().put_many(&batch).unwrap());
    });
}

/// A database of [`ITEMS`] published vectors of 64 components.
fn published() -> (TempDir, VectorSet) {
    let home = tempfile::tempdir().unwrap();
    let set = VectorSet::simulate(ITEMS, 64, 100);
    let db = Database::open(home.path().join("read.twin")).unwrap();
    db.items().put_many(&set.records()).unwrap();
    db.publish("vectors").towers(set.towers()).run().unwrap();
    (home, set)
}

fn read(c: &mut Criterion) {
    let (home, set) = published();
    let path = home.path().join("read.twin");
    c.bench_function("open read-only and recall", |b| {
        b.iter(|| {
            let db = Database::open_read_only(&path).unwrap();
            db.recall("vectors").vector(set.query(0)).top(10).unwrap()
        });
    });

    let db = Database::open(&path).unwrap();
    let mut ids = (0..ITEMS)
        .cycle()
        .map(|id| (id * 7_919 % ITEMS).to_string());
    c.bench_function("get", |b| {
        b.iter(|| db.items().get(&ids.next().unwrap()).unwrap().unwrap());
    });

    let users: Vec<Value> = (0..100)
        .map(|_| json!({"history": ids.by_ref().take(20).collect::<Vec<_>>()}))
        .collect();
    let mut user = users.iter().cycle();
    let mut group = c.benchmark_group("recall from JSON");
    group.bench_function("top 10", |b| {
        b.iter(|| {
            db.recall("vectors")
                .user(user.next().unwrap())
                .top(10)
                .unwrap()
        });
    });
    group.bench_function("top 100", |b| {
        b.iter(|| {
            db.recall("vectors")
                .user(user.next().unwrap())
                .top(100)
                .unwrap()
        });
    });
    group.bench_function("top 10, exact", |b| {
        b.iter(|| {
            db.recall("vectors")
                .user(user.next().unwrap())
                .exact()
                .top(10)
                .unwrap()
        });
    });
    group.throughput(Throughput::Elements(users.len() as u64));
    group.bench_function("top 10, 100 users at once", |b| {
        b.iter(|| black_box(db.recall("vectors").users(&users).top(10).unwrap()));
    });
}

criterion_group!(benches, write, read);
criterion_main!(benches);
