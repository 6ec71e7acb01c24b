//! A space larger than memory: recalls within a limit that the kernel enforces, on cold and on warm pages.
//!
//! ```sh
//! cargo bench --bench large -- PREFIX DIR        # publishes PREFIX.base.f32 into DIR, and finds the exact answers
//! cargo bench --bench large -- PREFIX DIR 2048   # recalls within 2,048 MiB; by root, on Linux
//! ```
//!
//! PREFIX.base.f32 and PREFIX.query.f32 hold rows of little-endian floats; `dim` of PREFIX.json is their
//! dimension. The second call moves itself into a memory cgroup (version 1 or 2), whose limit counts the page
//! cache too, and drops the caches of the machine. A timed query is asked once.
//!
//! Prints a JSON object for each step. Publishing: seconds, peak memory and bytes of the generation. Recalls: the
//! milliseconds to open and to answer the first query; for the recall target and each efSearch the share of the
//! exact top 10 found, queries a second, percentiles in microseconds, page reads from the disk a query, and the
//! memory of the cgroup. One thread.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark may stop where it fails, and changes files of the system"
)]

use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;
use twinspire::{Database, Hits, Metric, Recall, Towers};
use twinspire_testkit::database::ids;
use twinspire_testkit::measure::{peak_mb, percentile, round};

const SPACE: &str = "vectors";
const K: usize = 10;
const TARGET: f32 = 0.95;
const EFS: [usize; 6] = [10, 16, 24, 32, 64, 100];
/// Queries whose exact answers are known, and how many are asked before the first figure and for each one.
const JUDGED: usize = 400;
const WARM_UP: usize = 2_000;
const ASKED: usize = 2_000;

fn main() {
    // `cargo bench` itself passes --bench.
    let mut words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    let (prefix, home) = (words.next().unwrap(), words.next().unwrap());
    let home = PathBuf::from(home);
    let set = Files::new(&prefix);
    match words.next() {
        None => publish(&set, &home),
        Some(megabytes) => serve(&set, &home, megabytes.parse().unwrap()),
    }
}

/// The files of a set of vectors.
struct Files {
    prefix: String,
    dimension: usize,
}

impl Files {
    fn new(prefix: &str) -> Self {
        let text = fs::read(format!("{prefix}.json")).unwrap();
        let description: Value = serde_json::from_slice(&text).unwrap();
        Self {
            prefix: prefix.to_owned(),
            dimension: description["dim"].as_u64().unwrap() as usize,
        }
    }

    /// The rows of a file, read as they are asked for.
    fn rows(&self, ending: &str) -> impl Iterator<Item = Vec<f32>> + use<> {
        let file = File::open(format!("{}.{ending}", self.prefix)).unwrap();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut bytes = vec![0; self.dimension * 4];
        std::iter::from_fn(move || {
            reader.read_exact(&mut bytes).ok()?;
            let (words, _) = bytes.as_chunks::<4>();
            Some(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
        })
    }

    fn items(&self) -> usize {
        let length = fs::metadata(format!("{}.base.f32", self.prefix)).unwrap();
        length.len() as usize / 4 / self.dimension
    }
}

fn publish(set: &Files, home: &Path) {
    let db = Database::open(home.join("large.twin")).unwrap();
    let start = Instant::now();
    let items = set.items();
    for from in (0..items).step_by(10_000) {
        let records = (from..items.min(from + 10_000)).map(|item| json!({"id": item.to_string()}));
        db.items().put_many(&records.collect::<Vec<_>>()).unwrap();
    }
    let put_s = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let rows = set.rows("base.f32").enumerate();
    db.publish(SPACE)
        .towers(Towers::vectors_only(SPACE, set.dimension, Metric::InnerProduct).unwrap())
        .vectors(rows.map(|(item, row)| (item.to_string(), row)))
        .run()
        .unwrap();
    let stats = db.stats().unwrap();
    println!(
        "{}",
        json!({
            "items": items, "dimension": set.dimension,
            "put_s": round(put_s, 1), "publish_s": round(start.elapsed().as_secs_f64(), 1),
            "peak_mb": peak_mb(), "index": stats.spaces[SPACE].index,
            "file_mb": stats.spaces[SPACE].bytes >> 20,
        })
    );
    let exact = |query: Vec<f32>| ids(&db.recall(SPACE).vector(&query).exact().top(K).unwrap());
    let truth: Vec<Vec<String>> = set.rows("query.f32").take(JUDGED).map(exact).collect();
    fs::write(home.join("truth.json"), json!(truth).to_string()).unwrap();
}

fn serve(set: &Files, home: &Path, megabytes: u64) {
    let truth = fs::read(home.join("truth.json")).unwrap();
    let truth: Vec<HashSet<String>> = serde_json::from_slice(&truth).unwrap();
    let queries: Vec<Vec<f32>> = set.rows("query.f32").collect();
    let limits = Limits::enter(megabytes << 20);
    let start = Instant::now();
    let db = Database::open_read_only(home.join("large.twin")).unwrap();
    let hits = db.recall(SPACE).vector(&queries[JUDGED]).top(K).unwrap();
    let first_ms = round(start.elapsed().as_secs_f64() * 1e3, 1);
    println!(
        "{}",
        json!({"limit_mb": megabytes, "open_and_first_answer_ms": first_ms, "hits": hits.len()})
    );
    let (judged, mut asked) = queries.split_at(JUDGED);
    let mut next = |count: usize| {
        let (now, later) = asked.split_at(count.min(asked.len()));
        asked = later;
        now
    };
    let by_target = |recall: Recall| recall.recall_target(TARGET).top(K).unwrap();
    let cold = measure(&db, next(JUDGED), by_target, &limits);
    println!("{}", line("cold", &json!(TARGET), cold, None));
    measure(&db, next(WARM_UP), by_target, &limits);
    let warm = measure(&db, next(ASKED), by_target, &limits);
    let found = share(&db, judged, &truth, by_target);
    println!("{}", line("target", &json!(TARGET), warm, Some(found)));
    for ef in EFS {
        let by_ef = |recall: Recall| recall.ef(ef).top(K).unwrap();
        let warm = measure(&db, next(ASKED), by_ef, &limits);
        let found = share(&db, judged, &truth, by_ef);
        println!("{}", line("efSearch", &json!(ef), warm, Some(found)));
    }
}

fn line(name: &str, of: &Value, mut figures: Value, found: Option<f64>) -> Value {
    figures[name] = of.clone();
    figures["recall"] = json!(found);
    figures
}

/// Queries a second, percentiles, page reads and memory.
fn measure(
    db: &Database,
    queries: &[Vec<f32>],
    ask: impl Fn(Recall<'_>) -> Hits,
    limits: &Limits,
) -> Value {
    let faults = major_faults();
    let mut times = Vec::new();
    for query in queries {
        let start = Instant::now();
        ask(db.recall(SPACE).vector(query));
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    let total: f64 = times.iter().sum();
    let faults = (major_faults() - faults) as f64 / queries.len() as f64;
    json!({
        "qps": round(queries.len() as f64 / total * 1e6, 0),
        "p50_us": round(percentile(&mut times, 0.5), 0),
        "p99_us": round(percentile(&mut times, 0.99), 0),
        "page_reads": round(faults, 2), "cgroup_mb": limits.used() >> 20,
    })
}

/// The share of the exact answers that is found.
fn share(
    db: &Database,
    queries: &[Vec<f32>],
    truth: &[HashSet<String>],
    ask: impl Fn(Recall<'_>) -> Hits,
) -> f64 {
    let both = queries.iter().zip(truth);
    let found = both.map(|(query, truth)| {
        let hits = ask(db.recall(SPACE).vector(query));
        hits.iter().filter(|hit| truth.contains(&hit.id)).count()
    });
    round(found.sum::<usize>() as f64 / (truth.len() * K) as f64, 4)
}

/// Page faults of this process that had to read from the disk.
fn major_faults() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    // The 12th field; the second one, a name in parentheses, may hold spaces.
    let (_, rest) = stat.rsplit_once(')').unwrap();
    rest.split_whitespace().nth(9).unwrap().parse().unwrap()
}

/// The memory cgroup that this process runs in.
struct Limits {
    used: PathBuf,
}

impl Limits {
    /// Moves this process into a cgroup with this limit, and drops the caches of the machine: pages that are
    /// cached already would not count.
    fn enter(bytes: u64) -> Self {
        let first = Path::new("/sys/fs/cgroup/memory");
        let (root, limit, used) = match first.is_dir() {
            true => (first, "memory.limit_in_bytes", "memory.usage_in_bytes"),
            false => (Path::new("/sys/fs/cgroup"), "memory.max", "memory.current"),
        };
        let group = root.join("twinspire-bench");
        fs::create_dir_all(&group).unwrap();
        fs::write(group.join(limit), bytes.to_string()).unwrap();
        fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
        fs::write(group.join("cgroup.procs"), std::process::id().to_string()).unwrap();
        Self {
            used: group.join(used),
        }
    }

    fn used(&self) -> u64 {
        fs::read_to_string(&self.used)
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }
}
