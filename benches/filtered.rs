//! Filtered recall against speed, for filters from all items down to one in a thousand, and for a filter that only items
//! far from the query pass.
//!
//! ```sh
//! cargo bench --bench filtered                      # 20,000 simulated vectors of 64 components
//! cargo bench --bench filtered -- PREFIX            # PREFIX.base.f32, PREFIX.query.f32, PREFIX.json
//! cargo bench --bench filtered -- PREFIX DATABASE   # keeps the database, and uses it if it is there
//! ```
//!
//! Each item has one number, `bucket` = (id * 2654435761 mod 2^32) mod 1000, so that `bucket < b`
//! matches b in a thousand items, wherever they lie. Sixteen items are anchors, and each item has the
//! number of the one with the largest inner product; `anchor = a`, with the anchor that is farthest from the query,
//! matches what lies on the other side. Prints a JSON object a line for each filter: seconds to publish (null if the
//! database was kept from an earlier run), megabytes on the disk, and for each efSearch the share of the exact top 10
//! found among the items that match and the queries answered in a second, one at a time by one thread.
//! `filtered_peers.py` does the same with other embedded databases.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;
use twinspire::{Database, Filter, Hits};
use twinspire_testkit::bytes_below;
use twinspire_testkit::measure::round;
use twinspire_testkit::vectors::VectorSet;

const SPACE: &str = "vectors";
const K: usize = 10;
const BUCKETS: [u64; 5] = [1000, 500, 100, 10, 1];
const EFS: [usize; 7] = [10, 16, 32, 64, 128, 256, 512];
/// Queries of a set that are asked.
const QUERIES: usize = 300;
/// Rounds of the queries that are timed.
const ROUNDS: usize = 3;
const ANCHORS: usize = 16;

fn main() {
    // `cargo bench` itself passes --bench.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    let set = match words.first() {
        Some(prefix) => VectorSet::read(prefix),
        None => VectorSet::simulate(20_000, 64, QUERIES),
    };
    let home = tempfile::tempdir().unwrap();
    let path = words
        .get(1)
        .map_or_else(|| home.path().join("filtered.twin"), Into::into);
    let build_s = (!path.exists()).then(|| publish(&path, &set));
    let db = Database::open_read_only(&path).unwrap();
    let megabytes = bytes_below(&path) as f64 / f64::from(1 << 20);
    let anchors = anchors(&set);
    let of_items: Vec<u64> = (0..set.items())
        .map(|item| nearest(&anchors, set.item(item)))
        .collect();
    let print = |selectivity: Value, curve: Value| {
        let line = json!({
            "peer": "twinspire", "build_s": build_s, "disk_mb": round(megabytes, 1), "selectivity": selectivity,
            "curve": curve,
        });
        println!("{line}");
    };
    for buckets in BUCKETS {
        let filter = (buckets < 1000).then(|| Filter::field("bucket").lt(buckets));
        let passes = |_: usize, item: usize| bucket(item as u64) < buckets;
        let curve = sweep(&db, &set, |_| filter.clone(), passes);
        print(json!(buckets as f64 / 1000.0), curve);
    }
    let of_queries: Vec<u64> = (0..set.queries())
        .map(|query| farthest(&anchors, set.query(query)))
        .collect();
    let filter = |query: usize| Some(Filter::field("anchor").eq(of_queries[query]));
    let passes = |query: usize, item: usize| of_items[item] == of_queries[query];
    print(json!("far"), sweep(&db, &set, filter, passes));
}

/// Every so manieth item.
fn anchors(set: &VectorSet) -> Vec<&[f32]> {
    let each = set.items() / ANCHORS;
    (0..ANCHORS).map(|at| set.item(at * each)).collect()
}

fn nearest(anchors: &[&[f32]], vector: &[f32]) -> u64 {
    best_of(anchors.iter().map(|anchor| product(anchor, vector)))
}

fn farthest(anchors: &[&[f32]], vector: &[f32]) -> u64 {
    best_of(anchors.iter().map(|anchor| -product(anchor, vector)))
}

/// The place of the largest score.
fn best_of(scores: impl Iterator<Item = f32>) -> u64 {
    let (at, _) = scores
        .zip(0..)
        .map(|(score, at)| (at, score))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap();
    at
}

fn product(x: &[f32], y: &[f32]) -> f32 {
    let mut sums = [0.0; 8];
    for (x, y) in x.chunks(8).zip(y.chunks(8)) {
        sums.iter_mut()
            .zip(x.iter().zip(y))
            .for_each(|(sum, (x, y))| *sum += x * y);
    }
    sums.iter().sum()
}

fn bucket(item: u64) -> u64 {
    (item * 2_654_435_761 % (1 << 32)) % 1000
}

/// Stores the vectors' items and publishes them; gives the seconds that took.
fn publish(path: &Path, set: &VectorSet) -> f64 {
    let db = Database::open(path).unwrap();
    let (mut records, anchors) = (set.records(), anchors(set));
    for (item, record) in (0..).zip(&mut records) {
        record["bucket"] = bucket(item).into();
        record["anchor"] = nearest(&anchors, set.item(item as usize)).into();
    }
    let towers = set.towers();
    let start = Instant::now();
    for items in records.chunks(10_000) {
        db.items().put_many(items).unwrap();
    }
    db.publish(SPACE).towers(towers).run().unwrap();
    round(start.elapsed().as_secs_f64(), 1)
}

/// The items with the largest inner products among those that pass.
fn best(set: &VectorSet, query: &[f32], passes: impl Fn(usize) -> bool) -> HashSet<String> {
    let matching = (0..set.items()).filter(|item| passes(*item));
    let mut all: Vec<_> = matching
        .map(|item| (product(set.item(item), query), item))
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all.truncate(K);
    all.into_iter().map(|(_, item)| item.to_string()).collect()
}

/// For each efSearch: recall@10 and queries in a second, under the filter of each query.
fn sweep(
    db: &Database,
    set: &VectorSet,
    filter: impl Fn(usize) -> Option<Filter>,
    passes: impl Fn(usize, usize) -> bool,
) -> Value {
    let queries = QUERIES.min(set.queries());
    let truth: Vec<HashSet<String>> = (0..queries)
        .map(|query| best(set, set.query(query), |item| passes(query, item)))
        .collect();
    let most: usize = truth.iter().map(HashSet::len).sum();
    let filters: Vec<Option<Filter>> = (0..queries).map(filter).collect();
    let recall = |query: usize, ef: usize| -> Hits {
        let recall = db.recall(SPACE).vector(set.query(query)).ef(ef);
        match &filters[query] {
            Some(filter) => recall.filter(filter.clone()).top(K).unwrap(),
            None => recall.top(K).unwrap(),
        }
    };
    let mut curve = Vec::new();
    for ef in EFS {
        let answers: Vec<Hits> = (0..queries).map(|query| recall(query, ef)).collect();
        let start = Instant::now();
        for _ in 0..ROUNDS {
            (0..queries).for_each(|query| drop(recall(query, ef)));
        }
        let seconds = start.elapsed().as_secs_f64();
        let found = |(hits, truth): (&Hits, &HashSet<String>)| {
            hits.iter().filter(|hit| truth.contains(&hit.id)).count()
        };
        let found: usize = answers.iter().zip(&truth).map(found).sum();
        let share = found as f64 / most as f64;
        let rate = (queries * ROUNDS) as f64 / seconds;
        curve.push(json!([ef, round(share, 4), round(rate, 1)]));
        if share > 0.997 {
            break;
        }
    }
    curve.into()
}
