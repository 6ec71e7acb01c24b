//! Full text: the time to index items, the bytes of the index, and the time of a recall.
//!
//! ```sh
//! cargo bench --bench lexical                  # 200,000 simulated items
//! cargo bench --bench lexical -- 50000         # another number of items
//! ```
//!
//! An item has a title of 6 words and a text of 60, drawn from 200,000 words by Zipf's law (the word of rank r
//! comes up in proportion to 1 / r). A query has three words of one item. Queries are asked one at a time by one
//! thread.
//!
//! Prints a JSON object a line: one for the index, and one for each way to ask, with the median and the 99th percentile
//! in microseconds.
#![allow(clippy::unwrap_used, reason = "a benchmark may stop where it fails")]

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};
use std::time::Instant;
use twinspire::{Database, Language, Lexical, Recall};
use twinspire_testkit::measure::round;

const WORDS: &str = "words";
const VOCABULARY: f64 = 200_000.0;
const TITLE: usize = 6;
const TEXT: usize = 60;
const QUERIES: usize = 1_000;
const FRESH: usize = 10_000;
const CALL: usize = 1_000;

fn main() {
    let count = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let count: usize = count.unwrap_or(200_000);
    let mut rng = Pcg64Mcg::seed_from_u64(7);
    let home = tempfile::tempdir().unwrap();
    let options = Database::options().background(false);
    let db = options.open(home.path().join("lexical.twin")).unwrap();
    let mut queries = Vec::new();
    put(&db, 0..count, &mut rng, &mut queries);
    db.seal().unwrap();
    db.merge().unwrap();
    let before = db.stats().unwrap().items_bytes;
    let started = Instant::now();
    let lexical = Lexical::new().field("title", 2.0).field("text", 1.0);
    let lexical = lexical.language(Language::English);
    db.lexical().define(WORDS, lexical).unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let bytes = db.stats().unwrap().items_bytes;
    println!(
        "{}",
        json!({
            "items": count,
            "define_seconds": round(seconds, 2),
            "items_a_second": (count as f64 / seconds).round(),
            "index_bytes_an_item": round((bytes - before) as f64 / count as f64, 1),
            "record_bytes_an_item": round(before as f64 / count as f64, 1),
        })
    );
    let ask = |what: &str, change: &dyn for<'a> Fn(Recall<'a>) -> Recall<'a>| {
        let time = |query: &String| {
            let started = Instant::now();
            let hits = change(db.recall(WORDS).text(query)).top(10).unwrap();
            assert!(!hits.is_empty() || what.contains("filter"));
            started.elapsed().as_secs_f64() * 1e6
        };
        queries.iter().take(50).for_each(|query| {
            time(query);
        });
        let mut micros: Vec<f64> = queries.iter().map(time).collect();
        micros.sort_by(f64::total_cmp);
        let (median, worst) = (micros[micros.len() / 2], micros[micros.len() * 99 / 100]);
        println!(
            "{}",
            json!({"recall": what, "p50_micros": round(median, 1), "p99_micros": round(worst, 1)})
        );
    };
    ask("three words", &|recall| recall);
    ask("three words, a tenth passes the filter", &|recall| {
        recall.filter("shelf = 3")
    });
    put(&db, count..count + FRESH, &mut rng, &mut Vec::new());
    ask("three words, 10,000 fresh items", &|recall| recall);
}

/// Puts items, and adds queries of some of them.
fn put(db: &Database, ids: std::ops::Range<usize>, rng: &mut Pcg64Mcg, queries: &mut Vec<String>) {
    let mut items: Vec<Value> = Vec::new();
    let every = (ids.len() / QUERIES).max(1);
    for id in ids.clone() {
        let (title, text) = (text(rng, TITLE), text(rng, TEXT));
        if (id - ids.start).is_multiple_of(every) {
            let words: Vec<&str> = text.split(' ').collect();
            let three = (0..3).map(|_| words[rng.random_range(0..words.len())]);
            queries.push(three.collect::<Vec<_>>().join(" "));
        }
        items.push(
            json!({"id": format!("B{id:07}"), "title": title, "text": text, "shelf": id % 10}),
        );
        if items.len() == CALL {
            db.items().put_many(&items).unwrap();
            items.clear();
        }
    }
    db.items().put_many(&items).unwrap();
}

fn text(rng: &mut Pcg64Mcg, words: usize) -> String {
    let word = |_| {
        // The inverse of the cumulative distribution of 1 / r.
        let rank = VOCABULARY.powf(rng.random_range(0.0..1.0)) as u64;
        format!("w{rank}")
    };
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}
