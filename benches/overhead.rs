//! The library's side of `benches/python/overhead.py`, which writes the database and the queries, and takes turns with
//! this process.
//!
//! `cargo bench --bench overhead -- DIR` reads `DIR/shop.twin`, `DIR/queries.f32` and `DIR/users.json`, whose users are
//! parsed before anything is timed. Each line of the input names what to do once: `vector` and `user` recall by each
//! vector or user, `batch` by all users together. The answer is a line with the median microseconds of a call.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark that fails may panic, and reads what is no database"
)]

use serde_json::Value;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;
use twinspire::Database;
use twinspire_testkit::measure::{percentile, round};

const SPACE: &str = "shop";
/// Hits of a single recall, and of each user of a batch.
const K: usize = 10;
const BATCH_K: usize = 100;

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

    for line in std::io::stdin().lines() {
        let taken = match line.unwrap().as_str() {
            "vector" => each(&queries, |query| {
                black_box(db.recall(SPACE).vector(query).top(K).unwrap());
            }),
            "user" => each(&users, |user| {
                black_box(db.recall(SPACE).user(user).top(K).unwrap());
            }),
            _ => each(&[()], |()| {
                black_box(db.recall(SPACE).users(&users).top(BATCH_K).unwrap());
            }),
        };
        println!("{taken}");
    }
}

/// The median microseconds of a call.
fn each<T>(inputs: &[T], call: impl Fn(&T)) -> f64 {
    let time = |input| {
        let started = Instant::now();
        call(input);
        started.elapsed().as_secs_f64() * 1e6
    };
    let mut times: Vec<f64> = inputs.iter().map(time).collect();
    round(percentile(&mut times, 0.5), 1)
}
