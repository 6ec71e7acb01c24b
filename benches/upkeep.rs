//! Latency of recalls while the database publishes, seals and merges.
//!
//! ```sh
//! cargo bench --bench upkeep            # 100,000 items of 128 components
//! cargo bench --bench upkeep -- ITEMS
//! ```
//!
//! One thread recalls while another one works, in two rhythms: *closed*, where each recall follows the
//! last one at once, and *paced*, where one is due every millisecond and its latency counts from then. Each
//! phase is compared with idle recalls of the same state: a publish with one segment, seals with the same
//! unsealed items, a merge with the same segments.
//!
//! Prints a JSON object for each rhythm and phase: the seconds of work, the recalls, and percentiles of
//! their latency in microseconds; `p99_times_idle` is the 99th percentile over the idle one.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use twinspire::Database;
use twinspire_testkit::measure::{percentile, round};
use twinspire_testkit::vectors::VectorSet;

const SPACE: &str = "vectors";
const ITEMS: usize = 100_000;
const DIMENSION: usize = 128;
/// Unsealed writes of a seal: the default limit of the background thread.
const UNSEALED: usize = 8_192;
const SEALS: usize = 2;
const IDLE: Duration = Duration::from_secs(5);
const PACE: Duration = Duration::from_millis(1);

/// When a recall starts.
#[derive(Clone, Copy)]
enum Rhythm {
    /// When the last one has ended.
    Closed,
    /// Every [`PACE`].
    Paced,
}

fn main() {
    // `cargo bench` itself passes --bench.
    let items = std::env::args()
        .skip(1)
        .find(|word| !word.starts_with("--"))
        .map_or(ITEMS, |items| items.parse().unwrap());
    let set = VectorSet::simulate(items, DIMENSION, 1_000);
    let records = set.records();
    for rhythm in [Rhythm::Closed, Rhythm::Paced] {
        let home = tempfile::tempdir().unwrap();
        let options = Database::options().background(false);
        let options = options.seal_writes(1 << 30).seal_bytes(1 << 40);
        let db = options.open(home.path().join("upkeep.twin")).unwrap();
        put(&db, &records);
        publish(&db, &set);
        let bench = Bench {
            db,
            set: &set,
            rhythm,
        };
        bench.run(&records);
    }
}

struct Bench<'a> {
    db: Database,
    set: &'a VectorSet,
    rhythm: Rhythm,
}

impl Bench<'_> {
    fn run(&self, records: &[Value]) {
        let idle = || thread::sleep(IDLE);
        let alone = self.recalls(idle);
        let alone = self.print("idle", alone, None);
        let published = self.recalls(|| publish(&self.db, self.set));
        self.print("publish", published, Some(alone));
        let (mut unsealed, mut sealing) = (Latencies::default(), Latencies::default());
        for some in records.chunks(UNSEALED).take(SEALS) {
            put(&self.db, some);
            unsealed.extend(self.recalls(|| thread::sleep(IDLE / SEALS as u32)));
            sealing.extend(self.recalls(|| {
                self.db.seal().unwrap();
            }));
        }
        let unsealed = self.print("idle, unsealed", unsealed, None);
        self.print("seal", sealing, Some(unsealed));
        let sealed = self.recalls(idle);
        let sealed = self.print("idle, sealed", sealed, None);
        let merging = self.recalls(|| self.db.merge().unwrap());
        self.print("merge", merging, Some(sealed));
    }

    /// The latencies of recalls while `work` runs.
    fn recalls(&self, work: impl FnOnce() + Send) -> Latencies {
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            let recalls = scope.spawn(|| {
                let (mut micros, mut due) = (Vec::new(), Instant::now());
                let started = due;
                for at in 0.. {
                    match self.rhythm {
                        Rhythm::Closed => due = Instant::now(),
                        Rhythm::Paced => {
                            due += PACE;
                            thread::sleep(due.saturating_duration_since(Instant::now()));
                        }
                    }
                    let query = self.set.query(at % self.set.queries());
                    let hits = self.db.recall(SPACE).vector(query).top(10).unwrap();
                    assert_eq!(hits.len(), 10);
                    micros.push(due.elapsed().as_secs_f64() * 1e6);
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                }
                Latencies {
                    seconds: started.elapsed().as_secs_f64(),
                    micros,
                }
            });
            work();
            ended.store(true, Ordering::Relaxed);
            recalls.join().unwrap()
        })
    }

    /// Prints a phase, and gives its 99th percentile.
    fn print(&self, phase: &str, mut latencies: Latencies, idle: Option<f64>) -> f64 {
        let micros = &mut latencies.micros;
        let mut at = |share: f64| round(percentile(micros, share), 1);
        let p99 = at(0.99);
        let mut figure = json!({
            "rhythm": match self.rhythm { Rhythm::Closed => "closed", Rhythm::Paced => "paced" },
            "phase": phase, "s": round(latencies.seconds, 2),
            "p50_us": at(0.5), "p99_us": p99, "p999_us": at(0.999), "most_us": at(1.0),
        });
        figure["recalls"] = json!(latencies.micros.len());
        if let Some(idle) = idle {
            figure["p99_times_idle"] = json!(round(p99 / idle, 2));
        }
        println!("{figure}");
        p99
    }
}

#[derive(Default)]
struct Latencies {
    seconds: f64,
    micros: Vec<f64>,
}

impl Latencies {
    fn extend(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.micros.extend(other.micros);
    }
}

fn put(db: &Database, records: &[Value]) {
    for call in records.chunks(1_000) {
        db.items().put_many(call).unwrap();
    }
}

fn publish(db: &Database, set: &VectorSet) {
    db.publish(SPACE).towers(set.towers()).run().unwrap();
}
