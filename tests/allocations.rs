//! A request allocates its answer and nothing else, once its thread has answered similar ones.
#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use twinspire::{Database, Towers};
use twinspire_testkit::allocator::CountingAllocator;
use twinspire_testkit::random::uniform;
use twinspire_testkit::towers::{Tensor, open as open_towers, tower_files};
use twinspire_testkit::vectors::clustered;
use twinspire_testkit::{directory, open_without_background};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

const SPACE: &str = "home";
const ITEMS: usize = 3_000;
const DIMENSION: usize = 16;
const K: usize = 10;
/// One query in sixteen is copied into the sample for calibration, while it fills. So the least of several
/// counts is that of a query that is not.
const TRIES: usize = 5;

fn id(item: usize) -> String {
    format!("B{item:04}")
}

/// A user tower that reads a feature of each kind, and vectors of items from elsewhere.
fn towers(random: &mut Pcg64Mcg) -> Towers {
    let features = json!([
        {"kind": "items", "field": "history", "limit": 150},
        {"kind": "id", "field": "city", "table": "parts"},
        {"kind": "text", "field": "query", "table": "parts"},
        {"kind": "number", "field": "age", "mean": 30.0, "deviation": 9.0},
    ]);
    let width = 3 * DIMENSION + 1;
    let dense = json!({"kind": "dense", "units": DIMENSION, "activation": "linear"});
    let tables = json!({"parts": {"dimension": DIMENSION, "lookup": {"hash": {"buckets": 64}}}});
    let schema = json!({
        "format": 1, "name": "request", "dimension": DIMENSION, "metric": "cosine",
        "tables": tables, "user": {"features": features, "layers": [dense]},
    });
    let mut tensor = |name: &str, shape: Vec<usize>| -> Tensor {
        let count = shape.iter().product();
        (name.to_owned(), shape, uniform(random, count, 0.3))
    };
    let tensors = [
        tensor("table.parts", vec![64, DIMENSION]),
        tensor("layer.0.weight", vec![DIMENSION, width]),
        tensor("layer.0.bias", vec![DIMENSION]),
    ];
    open_towers(&tower_files(&schema, &[("user.safetensors", &tensors)]))
}

fn user(random: &mut Pcg64Mcg) -> Value {
    let mut item = || match random.random_range(0..ITEMS + 20) {
        // Unknown ones too, and one that is a number.
        at if at % 7 == 0 => json!(at),
        at => json!(id(at)),
    };
    let history: Vec<Value> = (0..100).map(|_| item()).collect();
    json!({"history": history, "city": "Lyon", "query": "red running shoes", "age": 41.5})
}

/// The least number of allocations of several calls.
fn least(mut call: impl FnMut()) -> usize {
    let tries = (0..TRIES).map(|_| {
        let before = ALLOCATOR.allocations();
        call();
        ALLOCATOR.allocations() - before
    });
    tries.min().unwrap()
}

/// Asserts that recalls by users and by vectors allocate the list of hits and the id of each.
fn assert_only_answers(db: &Database, users: &[Value], state: &str) {
    let vector = vec![0.25; DIMENSION];
    for round in 0..2 {
        for user in users {
            let by_user = least(|| drop(db.recall(SPACE).user(user).top(K).unwrap()));
            let by_vector = least(|| drop(db.recall(SPACE).vector(&vector).top(K).unwrap()));
            // The first round grows the buffers of this thread.
            if round > 0 {
                assert_eq!((by_user, by_vector), (K + 1, K + 1), "{state}");
            }
        }
    }
}

#[test]
fn a_request_allocates_nothing_but_its_answer() {
    let mut random = Pcg64Mcg::seed_from_u64(5);
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    let records: Vec<Value> = (0..ITEMS).map(|item| json!({"id": id(item)})).collect();
    db.items().put_many(&records).unwrap();
    let vectors = clustered(ITEMS, DIMENSION, 3.0, 7);
    let vectors = (0..ITEMS).map(|item| (id(item), vectors[item].clone()));
    let publish = db.publish(SPACE).towers(towers(&mut random));
    publish.vectors(vectors).run().unwrap();
    let users: Vec<Value> = (0..6).map(|_| user(&mut random)).collect();
    assert_only_answers(&db, &users, "one segment");
    db.items().put_many(&records[5..10]).unwrap();
    db.items().delete(&id(11)).unwrap();
    assert_only_answers(&db, &users, "unsealed items");
    db.seal().unwrap();
    assert_only_answers(&db, &users, "two segments");
}
