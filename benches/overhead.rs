//! The library's side of `benches/python/overhead.py`, which writes the database and the queries, runs this in turn with
//! the same calls in Python, and prints both.
//!
//! `cargo bench --bench overhead -- DIR` reads `DIR/shop.twin`, `DIR/queries.f32` and `DIR/users.json`. It prints a JSON
//! object: the median microseconds of a recall by vector and of one by user, and of a batch of all users.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark that fails may panic, and reads what is no database"
)]

use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;
use twinspire::Database;
use twinspire_testkit::measure::{percentile, round};

const SPACE: &str = "shop";
/// Hits of a single recall, and of each user of a batch.
const K: usize = 10;
const BATCH_K: usize = 100;
/// Batches in a round.
const BATCHES: usize = 8;

fn main() {
    // `cargo bench` itself passes --bench.
    let mut words = std::env::args().skip(1);
    let dir = words.find(|word| !word.starts_with("--"));
    let dir = PathBuf::from(dir.expect("a directory that overhead.py has written"));
    let db = Database::open_read_only(dir.join("shop.twin")).unwrap();
    let users = std::fs::read(dir.join("users.json")).unwrap();
    let users: Vec<Value> = serde_json::from_slice(&users).unwrap();
    let numbers = std::fs::read(dir.join("queries.f32")).unwrap();
    let (numbers, _) = numbers.as_chunks();
    let numbers: Vec<f32> = numbers
        .iter()
        .map(|four| f32::from_le_bytes(*four))
        .collect();
    let queries: Vec<&[f32]> = numbers.chunks_exact(numbers.len() / users.len()).collect();

    let vector = each(&queries, |query| {
        std::hint::black_box(db.recall(SPACE).vector(query).top(K).unwrap());
    });
    let user = each(&users, |user| {
        std::hint::black_box(db.recall(SPACE).user(user).top(K).unwrap());
    });
    let batches = [(); BATCHES];
    let batch = each(&batches, |()| {
        std::hint::black_box(db.recall(SPACE).users(&users).top(BATCH_K).unwrap());
    });
    println!(
        "{}",
        json!({"vector": vector, "user": user, "batch": batch})
    );
}

/// The median microseconds of a call, in the second of two rounds.
fn each<T>(inputs: &[T], call: impl Fn(&T)) -> f64 {
    let mut times = Vec::new();
    for _ in 0..2 {
        times.clear();
        for input in inputs {
            let started = Instant::now();
            call(input);
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
    }
    round(percentile(&mut times, 0.5), 1)
}
