//! What it takes to bring a replica up to date: bytes moved and seconds from the push to the first answer.
//!
//! ```sh
//! cargo run --release -p twinspire-remote --example flip -- [ITEMS] [URL]
//! ```
//! Without a URL the store is a directory. A follower looks for a new head every 100 ms and recalls all the time.
#![allow(clippy::unwrap_used, reason = "an example that fails may panic")]

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use twinspire::Database;
use twinspire_remote::{Follower, Pushed, Remote};
use twinspire_testkit::measure::percentile;
use twinspire_testkit::towers::{identity, identity_record, open};
use twinspire_testkit::vectors::VectorSet;

const DIMENSION: usize = 64;
const INTERVAL: Duration = Duration::from_millis(100);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let items: usize = arguments
        .next()
        .map_or(100_000, |items| items.parse().unwrap());
    let home = tempfile::tempdir().unwrap();
    let url = arguments.next();
    let url = url.unwrap_or_else(|| home.path().join("store").display().to_string());
    let vectors = VectorSet::simulate(items, DIMENSION, 200);
    let record = |at: usize, version: u64| -> Value {
        let mut record = identity_record(Some(at), vectors.item(at));
        record["version"] = json!(version);
        record["title"] = json!(format!("item {at} with a title of some words"));
        record
    };
    let db = Database::options().background(false);
    let db = db.open(home.path().join("shop.twin")).unwrap();
    let put = |step: usize, version: u64| {
        let records: Vec<Value> = (0..items)
            .step_by(step)
            .map(|at| record(at, version))
            .collect();
        for chunk in records.chunks(10_000) {
            db.items().put_many(chunk).unwrap();
        }
    };
    put(1, 0);
    let towers = || open(&identity(DIMENSION, "inner_product"));
    db.publish("vectors")
        .towers(towers())
        .force()
        .run()
        .unwrap();
    let remote = Remote::create(&url).unwrap();
    println!(
        "{items} items of {DIMENSION} components, store {}",
        remote.name()
    );
    let begun = Instant::now();
    let first = remote.push(&db).run().unwrap();
    report("first push", &first, begun.elapsed(), None);
    let begun = Instant::now();
    let follower = remote
        .follow(home.path().join("replica"))
        .interval(INTERVAL)
        .start()
        .unwrap();
    println!(
        "first start of a replica: {:.2} s",
        begun.elapsed().as_secs_f64()
    );

    let done = AtomicBool::new(false);
    let mut times = thread::scope(|scope| {
        let reader = scope.spawn(|| recall_until(&follower, &vectors, &done));
        for (name, change) in [
            ("1 % changed, unsealed", 1),
            ("1 % changed, sealed", 2),
            ("merged", 3),
            ("published anew", 4),
        ] {
            match change {
                1 => put(100, 1),
                2 => {
                    put(100, 2);
                    db.seal().unwrap();
                }
                3 => db.merge().unwrap(),
                _ => drop(
                    db.publish("vectors")
                        .towers(towers())
                        .force()
                        .run()
                        .unwrap(),
                ),
            }
            let begun = Instant::now();
            let pushed = remote.push(&db).run().unwrap();
            let took = begun.elapsed();
            while follower.epoch() < pushed.epoch {
                thread::sleep(Duration::from_millis(1));
            }
            report(name, &pushed, took, Some(begun.elapsed()));
        }
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    println!(
        "{} recalls meanwhile: median {:.0} µs, p99 {:.0} µs, slowest {:.0} µs",
        times.len(),
        percentile(&mut times, 0.5),
        percentile(&mut times, 0.99),
        percentile(&mut times, 1.0)
    );
}

fn report(name: &str, pushed: &Pushed, took: Duration, served: Option<Duration>) {
    let share = 100.0 * pushed.uploaded_bytes as f64 / pushed.bytes as f64;
    let served = served.map(|served| format!(", served after {:.2} s", served.as_secs_f64()));
    println!(
        "{name}: {:.2} of {:.2} MB moved ({share:.1} %), pushed in {:.2} s{}",
        pushed.uploaded_bytes as f64 / 1e6,
        pushed.bytes as f64 / 1e6,
        took.as_secs_f64(),
        served.unwrap_or_default()
    );
}

/// Recalls one query after the other, a millisecond apart; returns microseconds.
fn recall_until(follower: &Follower, vectors: &VectorSet, done: &AtomicBool) -> Vec<f64> {
    let mut times = Vec::new();
    for query in (0..vectors.queries()).cycle() {
        if done.load(Ordering::Relaxed) {
            break;
        }
        let begun = Instant::now();
        let now = follower.current();
        let recall = now
            .database()
            .recall("vectors")
            .vector(vectors.query(query));
        assert_eq!(recall.top(10).unwrap().len(), 10);
        times.push(begun.elapsed().as_secs_f64() * 1e6);
        thread::sleep(Duration::from_millis(1));
    }
    times
}
