//! Recall against speed: a curve over efSearch, on a set of vectors, through a database on the disk.
//!
//! ```sh
//! cargo bench --bench ann                 # 20,000 simulated vectors of 64 components
//! cargo bench --bench ann -- PREFIX       # PREFIX.base.f32, PREFIX.query.f32, PREFIX.json
//! cargo bench --bench ann -- --half       # the vectors in half precision
//! cargo bench --bench ann -- --partitions # this kind of index; or --graph
//! cargo bench --bench ann -- PREFIX 50000 200000 1000000   # its first N items, for each N
//! ```
//!
//! Prints a JSON object for each number of items: seconds to publish, megabytes of the generation, the
//! most megabytes this process held so far, those that the recalls of the curve hold (heap and mapped pages),
//! milliseconds from a closed database to the first answer, and for each efSearch the share of the exact
//! top 10 found and the queries answered in a second, one at a time by one thread; in separate rows the
//! default efSearch, and the efSearch that a recall target picks. `peers.py` runs other engines beside it.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;
use twinspire::{DEFAULT_EF, Database, Hits, IndexChoice, IndexKind, Storage};
use twinspire_testkit::database::ids;
use twinspire_testkit::measure::{anonymous_kb, mapped_kb, peak_mb, round};
use twinspire_testkit::vectors::VectorSet;

const SPACE: &str = "vectors";
const K: usize = 10;
const EFS: [usize; 16] = [
    4, 7, 10, 16, 24, 32, 48, 64, 96, DEFAULT_EF, 128, 192, 256, 384, 512, 768,
];

fn main() {
    // `cargo bench` itself passes --bench.
    let words = std::env::args().skip(1);
    let mut words = words.filter(|word| !word.starts_with("--"));
    let set = words.next().map_or_else(
        || VectorSet::simulate(20_000, 64, 1_000),
        |prefix| VectorSet::read(&prefix),
    );
    let mut counts: Vec<usize> = words.map(|word| word.parse().unwrap()).collect();
    if counts.is_empty() {
        counts.push(set.items());
    }
    for count in counts {
        report(&set.first(count));
    }
}

fn report(set: &VectorSet) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("ann.twin");

    let storage = match std::env::args().any(|word| word == "--half") {
        true => Storage::Half,
        false => Storage::Full,
    };
    let publish_s = publish(&path, set, storage);
    let start = Instant::now();
    let db = Database::open_read_only(&path).unwrap();
    recall(&db, set.query(0), DEFAULT_EF);
    let open_ms = start.elapsed().as_secs_f64() * 1e3;

    let truth: Vec<HashSet<String>> = (0..set.queries())
        .map(|query| {
            let recall = db.recall(SPACE).vector(set.query(query)).exact();
            ids(&recall.top(K).unwrap()).into_iter().collect()
        })
        .collect();
    // A handle of its own: the exact answers mapped every vector.
    drop(db);
    let heap = anonymous_kb();
    let db = Database::open_read_only(&path).unwrap();
    let curve = sweep(&db, set, &truth);
    let heap = heap.and_then(|before| Some(anonymous_kb()?.saturating_sub(before)));
    let resident = heap.and_then(|heap| Some(heap + mapped_kb(&path)?));
    let target = |share| {
        measure(set, &truth, |query| {
            db.recall(SPACE)
                .vector(query)
                .recall_target(share)
                .top(K)
                .unwrap()
        })
    };
    let line = json!({
        "peer": "twinspire", "storage": storage,
        "index": db.stats().unwrap().spaces[SPACE].index,
        "index_reason": db.stats().unwrap().spaces[SPACE].index_reason, "items": set.items(), "dimension": set.dimension,
        "build_s": round(publish_s, 2),
        "file_mb": round(db.stats().unwrap().spaces[SPACE].bytes as f64 / f64::from(1 << 20), 1),
        "peak_mb": peak_mb(),
        "resident_mb": resident.map(|kilobytes| round(kilobytes as f64 / 1024.0, 1)),
        "open_ms": round(open_ms, 1),
        "kernels": db.stats().unwrap().kernels,
        "default": curve.iter().find(|(ef, ..)| *ef == DEFAULT_EF),
        "target": {"0.95": target(0.95), "0.99": target(0.99)},
        "curve": curve.iter().map(|&(ef, found, rate)| json!([ef, found, rate])).collect::<Value>(),
        "qps_at": {"0.90": at(&curve, 0.90), "0.95": at(&curve, 0.95), "0.99": at(&curve, 0.99)},
    });
    println!("{line}");
}

/// Stores the vectors' items and publishes them; gives the seconds the publish took.
fn publish(path: &Path, set: &VectorSet, storage: Storage) -> f64 {
    let db = Database::open(path).unwrap();
    for items in set.records().chunks(10_000) {
        db.items().put_many(items).unwrap();
    }
    let towers = set.towers();
    let has = |option: &str| std::env::args().any(|word| word == option);
    let index = match () {
        () if has("--graph") => IndexChoice::Only(IndexKind::Graph),
        () if has("--partitions") => IndexChoice::Only(IndexKind::Partitions),
        () => IndexChoice::Auto,
    };
    let start = Instant::now();
    db.publish(SPACE)
        .towers(towers)
        .storage(storage)
        .index(index)
        .run()
        .unwrap();
    start.elapsed().as_secs_f64()
}

/// For each efSearch: recall@10 and queries in a second, the better of two rounds.
fn sweep(db: &Database, set: &VectorSet, truth: &[HashSet<String>]) -> Vec<(usize, f64, f64)> {
    let mut curve = Vec::new();
    for ef in EFS {
        let (share, rate) = measure(set, truth, |query| recall(db, query, ef));
        curve.push((ef, share, rate));
        if share > 0.997 && ef >= DEFAULT_EF {
            break;
        }
    }
    curve
}

/// recall@10 and queries in a second, the better of two rounds.
fn measure(set: &VectorSet, truth: &[HashSet<String>], ask: impl Fn(&[f32]) -> Hits) -> (f64, f64) {
    let mut best = f64::INFINITY;
    let mut found = 0;
    for _ in 0..2 {
        let start = Instant::now();
        let answers: Vec<Hits> = (0..set.queries())
            .map(|query| ask(set.query(query)))
            .collect();
        best = best.min(start.elapsed().as_secs_f64());
        let both = answers.iter().zip(truth);
        found = both
            .map(|(hits, truth)| hits.iter().filter(|hit| truth.contains(&hit.id)).count())
            .sum();
    }
    let share = found as f64 / (set.queries() * K) as f64;
    (round(share, 4), round(set.queries() as f64 / best, 1))
}

fn recall(db: &Database, query: &[f32], ef: usize) -> Hits {
    db.recall(SPACE).vector(query).ef(ef).top(K).unwrap()
}

/// Queries per second at this recall, interpolated between the neighbouring points of the curve;
/// `None` if the curve does not reach it.
fn at(curve: &[(usize, f64, f64)], target: f64) -> Option<f64> {
    let &(_, first, rate) = curve.first()?;
    if first >= target {
        return Some(rate);
    }
    let pair = curve
        .windows(2)
        .find(|pair| pair[0].1 <= target && target <= pair[1].1)?;
    let ((_, low, before), (_, high, after)) = (pair[0], pair[1]);
    let share = if high > low {
        (target - low) / (high - low)
    } else {
        0.0
    };
    Some(round(
        (before.ln() * (1.0 - share) + after.ln() * share).exp(),
        1,
    ))
}
