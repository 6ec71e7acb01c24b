//! The cost of storing, compared with sled used directly, and the cost of opening.
//!
//! ```sh
//! cargo bench --bench storage                    # all figures; the generation has 50,000 items
//! cargo bench --bench storage -- ITEMS           # of ITEMS items
//! cargo bench --bench storage -- FIGURE [ITEMS]  # import, calls, threads or open alone
//! ```
//!
//! Prints a JSON object for each figure:
//! - a bulk import, in calls of 1,000 records; Twinspire's ends with a seal, and one of its calls
//!   is durable when it returns;
//! - durable calls with 1 and with 100 records. sled's own flush does not fsync on Linux, so a
//!   third column does that with sled's file after the flush;
//! - durable puts a second of one record each, by threads that put at the same time;
//! - a generation of 128 components: from a closed database to the first answer, warm cache, what
//!   opening leaves on the heap, and the bytes that are mapped.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use twinspire::{Database, Towers};
use twinspire_testkit::allocator::CountingAllocator;
use twinspire_testkit::measure::{percentile, round};
use twinspire_testkit::towers::{open as open_towers, tower_files};

const IMPORTED: usize = 200_000;
const CALL: usize = 1_000;
const SINGLES: usize = 2_000;
const HUNDREDS: usize = 200;
const ITEMS: usize = 50_000;
const OPENS: usize = 11;
/// Rounds of figures that depend on what the disk does meanwhile.
const ROUNDS: usize = 3;
/// How long threads put.
const THREADS_FOR: Duration = Duration::from_secs(2);
const SPACE: &str = "vectors";
/// Fields of an item, each embedded into a quarter of its vector.
const FIELDS: [&str; 4] = ["brand", "colour", "shape", "style"];
const PART: usize = 32;
const BUCKETS: usize = 4_096;
const MEGABYTE: f64 = 1e6;

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator::new();

fn main() {
    // `cargo bench` itself passes --bench.
    let words = std::env::args().skip(1);
    let words: Vec<String> = words.filter(|word| !word.starts_with("--")).collect();
    let items = words.iter().find_map(|word| word.parse().ok());
    let figure = words.iter().find(|word| word.parse::<usize>().is_err());
    let wanted = |name: &str| figure.is_none_or(|figure| figure == name);
    if wanted("import") {
        (0..ROUNDS).for_each(|_| import());
    }
    if wanted("calls") {
        calls(1, SINGLES);
        calls(100, HUNDREDS);
    }
    if wanted("threads") {
        (0..ROUNDS).for_each(|_| threads());
    }
    if wanted("open") {
        open(items.unwrap_or(ITEMS));
    }
}

/// About 200 bytes of JSON.
fn record(number: usize) -> Value {
    json!({
        "id": format!("B{number:07}"), "title": "red running shoes, light, for every day",
        "brand": "Fleet", "price": 59.5, "colours": ["red", "white"], "stock": number % 100,
        "about": "a shoe to run in, and to walk in when the running is over",
    })
}

/// The three ways to store the records of a call, durably or not quite.
enum Store {
    Twinspire(Box<Database>),
    Sled(sled::Db),
    SledSynced(sled::Db, File),
}

impl Store {
    fn all(home: &Path) -> [(&'static str, Self); 3] {
        let sled = |name| {
            let config = sled::Config::new().path(home.join(name));
            config.flush_every_ms(None).open().unwrap()
        };
        let synced = sled("synced.sled");
        let file = File::open(home.join("synced.sled/db")).unwrap();
        let db = Database::open(home.join("calls.twin")).unwrap();
        [
            ("twinspire", Self::Twinspire(Box::new(db))),
            ("sled, flush", Self::Sled(sled("plain.sled"))),
            ("sled, flush, fsync", Self::SledSynced(synced, file)),
        ]
    }

    fn put(&self, records: &[Value]) {
        let insert = |db: &sled::Db| {
            let mut batch = sled::Batch::default();
            for record in records {
                let text = record.to_string();
                batch.insert(record["id"].as_str().unwrap(), text.as_bytes());
            }
            db.apply_batch(batch).unwrap();
            db.flush().unwrap();
        };
        match self {
            Self::Twinspire(db) => drop(db.items().put_many(records).unwrap()),
            Self::Sled(db) => insert(db),
            Self::SledSynced(db, file) => {
                insert(db);
                file.sync_all().unwrap();
            }
        }
    }
}

fn import() {
    let records: Vec<Value> = (0..IMPORTED).map(record).collect();
    let bytes: usize = records.iter().map(|record| record.to_string().len()).sum();
    let home = tempfile::tempdir().unwrap();
    for (name, store) in Store::all(home.path()) {
        let start = Instant::now();
        records.chunks(CALL).for_each(|call| store.put(call));
        let stored = start.elapsed().as_secs_f64();
        if let Store::Twinspire(db) = &store {
            db.seal().unwrap();
        }
        let seconds = start.elapsed().as_secs_f64();
        print(&json!({
            "figure": "bulk import", "store": name, "records": IMPORTED, "call": CALL,
            "bytes_of_a_record": bytes / IMPORTED,
            "records_per_s": (IMPORTED as f64 / seconds).round(),
            "s": round(seconds, 2), "of_that_seal_s": round(seconds - stored, 2),
        }));
    }
}

/// Durations of `count` calls of `size` records each.
fn calls(size: usize, count: usize) {
    let records: Vec<Value> = (0..size * count).map(record).collect();
    let home = tempfile::tempdir().unwrap();
    for (name, store) in Store::all(home.path()) {
        let mut took: Vec<f64> = records
            .chunks(size)
            .map(|call| {
                let start = Instant::now();
                store.put(call);
                start.elapsed().as_secs_f64()
            })
            .collect();
        let mut at = |share: f64| (percentile(&mut took, share) * 1e6).round();
        print(&json!({
            "figure": "durable call", "store": name, "records": size, "calls": count,
            "p50_us": at(0.50), "p99_us": at(0.99),
        }));
    }
}

/// Durable puts a second, by threads that share syncs.
fn threads() {
    let home = tempfile::tempdir().unwrap();
    let mut alone = None;
    for threads in [1, 4, 16] {
        let db = Database::open(home.path().join(format!("{threads}.twin"))).unwrap();
        let (next, started) = (AtomicUsize::new(0), Instant::now());
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while started.elapsed() < THREADS_FOR {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        db.items().put(&record(at)).unwrap();
                    }
                });
            }
        });
        let rate = next.into_inner() as f64 / started.elapsed().as_secs_f64();
        print(&json!({
            "figure": "durable puts", "threads": threads, "puts_per_s": rate.round(),
            "times_one_thread": round(rate / *alone.get_or_insert(rate), 1),
        }));
    }
}

fn open(items: usize) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("open.twin");
    let publish_s = publish(&path, items);
    let user = features(&mut Pcg64Mcg::seed_from_u64(1));
    let mut took = Vec::new();
    let mut heap = 0;
    for _ in 0..OPENS {
        let before = ALLOCATOR.bytes_in_use();
        let start = Instant::now();
        let db = Database::open_read_only(&path).unwrap();
        let hits = db.recall(SPACE).user(&user).top(10).unwrap();
        took.push(start.elapsed().as_secs_f64() * 1e3);
        assert_eq!(hits.len(), 10.min(items));
        drop(hits);
        heap = ALLOCATOR.bytes_in_use().saturating_sub(before);
    }
    let stats = Database::open_read_only(&path).unwrap().stats().unwrap();
    let space = &stats.spaces[SPACE];
    let megabytes = |bytes: f64| round(bytes / MEGABYTE, 2);
    print(&json!({
        "figure": "open to first answer", "items": items, "dimension": space.dimension,
        "publish_s": round(publish_s, 1),
        "opens": OPENS, "median_ms": round(percentile(&mut took, 0.5), 2), "worst_ms": round(percentile(&mut took, 1.0), 2),
        "heap_mb": megabytes(heap as f64),
        "of_that_towers_mb": megabytes((space.parameters * size_of::<f32>()) as f64),
        "mapped_mb": megabytes((stats.items_bytes + space.bytes) as f64),
    }));
}

/// Makes a database of items with vectors of 128 components, and closes it; gives the seconds that
/// the publish took.
fn publish(path: &Path, items: usize) -> f64 {
    let db = Database::open(path).unwrap();
    let mut random = Pcg64Mcg::seed_from_u64(7);
    let records: Vec<Value> = (0..items)
        .map(|item| {
            let mut record = features(&mut random);
            record["id"] = item.to_string().into();
            record
        })
        .collect();
    for call in records.chunks(10_000) {
        db.items().put_many(call).unwrap();
    }
    let start = Instant::now();
    db.publish(SPACE).towers(towers(&mut random)).run().unwrap();
    start.elapsed().as_secs_f64()
}

/// The fields that towers read. Some values are far more common than others.
fn features(random: &mut Pcg64Mcg) -> Value {
    let mut value = || json!((random.random::<f32>().powi(2) * 20_000.0) as usize);
    FIELDS.iter().map(|field| (*field, value())).collect()
}

/// Towers so small that opening them does not show in the figures: four fields, embedded from one table
/// and concatenated.
fn towers(random: &mut Pcg64Mcg) -> Towers {
    let feature = |field: &&str| json!({"kind": "id", "field": field, "table": "parts"});
    let features: Vec<Value> = FIELDS.iter().map(feature).collect();
    let tower = json!({"features": features, "layers": []});
    let schema = json!({
        "format": 1, "name": "parts", "dimension": FIELDS.len() * PART, "metric": "cosine",
        "tables": {"parts": {"dimension": PART, "lookup": {"hash": {"buckets": BUCKETS}}}},
        "user": tower, "item": tower,
    });
    let numbers = (0..BUCKETS * PART).map(|_| random.random::<f32>() - 0.5);
    let table = [(
        "table.parts".to_owned(),
        vec![BUCKETS, PART],
        numbers.collect::<Vec<f32>>(),
    )];
    open_towers(&tower_files(&schema, &[("shared.safetensors", &table)]))
}

fn print(figure: &Value) {
    println!("{figure}");
}
