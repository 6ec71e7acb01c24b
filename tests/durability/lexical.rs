//! Lexical spaces on the disk are what storage-format.md says: a second reader finds the same words and scores, and
//! the sections of an index are the bytes that they once were.
//!
//! `TWINSPIRE_GOLDEN=DIR cargo test --test durability lexical` leaves today's sections in DIR.

use crate::reader::{Index, Reader, indexes};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use twinspire::{Language, Lexical};
use twinspire_testkit::{directory, open_without_background, write_file};

const NAME: &str = "words";

fn record(number: usize) -> Value {
    let colour = ["red", "Rote", "Çanta", "1950s", "x"][number % 5];
    // Of equal texts one counts.
    let tags = vec!["lamp"; number % 4];
    json!({"id": format!("B{number:03}"), "title": format!("{colour} bike {number}"), "tags": tags})
}

/// Boosts of 2 and 1.5: the unit is five tenths.
fn definition() -> Lexical {
    let fields = Lexical::new().field("title", 2.0).field("tags", 1.5);
    fields.language(Language::None).stop_words(["X"])
}

#[test]
fn lexical_indexes_are_read_by_the_other_reader_and_score_alike() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    db.lexical().define(NAME, definition()).unwrap();
    // More rows than a block has, then changed and deleted ones in a segment of their own.
    let put = |numbers: std::ops::Range<usize>| {
        let records: Vec<Value> = numbers.map(record).collect();
        db.items().put_many(&records).unwrap();
    };
    put(0..300);
    db.seal().unwrap();
    put(290..340);
    db.items().delete("B007").unwrap();
    db.seal().unwrap();

    let reader = Reader::open(&path);
    let space = &reader.manifest.lexical[NAME];
    let mut all = Vec::new();
    for (found, records) in reader.lexical_indexes() {
        let due = space.analysis().index(&records);
        assert!(due.postings.values().any(|rows| rows.len() > 1));
        assert!(found == [due.clone()], "the words of the records");
        all.push((due, records));
    }
    assert_eq!(all.len(), 2);
    let text = "red lamp, 1950s LAMP x";
    let hits = db.recall(NAME).text(text).top(1_000).unwrap();
    let due = scores(&reader, &all, text);
    assert_eq!(hits.len(), due.len());
    for hit in &hits {
        let due = due[&hit.id];
        assert!(
            (hit.score - due).abs() <= 1e-5 * due,
            "{hit:?}, {due} is due"
        );
    }
}

/// The scores of the newest versions of items with a word of the query.
fn scores(
    reader: &Reader,
    all: &[(Index, Vec<Option<Value>>)],
    text: &str,
) -> BTreeMap<String, f32> {
    let space = &reader.manifest.lexical[NAME];
    let unit = f64::from(space.analysis().unit()) / 10.0;
    let lengths = all.iter().flat_map(|(index, _)| &index.lengths);
    let lengths: Vec<f64> = lengths
        .filter(|length| **length > 0)
        .map(|length| f64::from(*length))
        .collect();
    let (documents, mean) = (
        lengths.len() as f64,
        lengths.iter().sum::<f64>() / lengths.len() as f64,
    );
    let mut scores = BTreeMap::new();
    for term in space.analysis().terms(text) {
        let with = all
            .iter()
            .filter_map(|(index, _)| index.postings.get(&term));
        let with = with.map(Vec::len).sum::<usize>() as f64;
        let idf = (1.0 + (documents - with + 0.5) / (with + 0.5)).ln();
        for (index, records) in all {
            for (row, frequency) in index.postings.get(&term).into_iter().flatten() {
                let Some(record) = &records[*row as usize] else {
                    continue;
                };
                let length = f64::from(index.lengths[*row as usize]);
                let f = f64::from(*frequency) * unit;
                let norm = space.k1 * (1.0 - space.b + space.b * length / mean);
                let id = record["id"].as_str().unwrap().to_owned();
                if reader.records().get(&id) == Some(record) && is_newest(all, index, &id) {
                    *scores.entry(id).or_insert(0.0) +=
                        (idf * f * (space.k1 + 1.0) / (f + norm)) as f32;
                }
            }
        }
    }
    scores
}

/// Whether no later segment has the item.
fn is_newest(all: &[(Index, Vec<Option<Value>>)], index: &Index, id: &str) -> bool {
    let has = |records: &[Option<Value>]| records.iter().flatten().any(|record| record["id"] == id);
    let last = all.iter().rev().find(|(_, records)| has(records));
    last.is_some_and(|(last, _)| std::ptr::eq(last, index))
}

#[test]
fn the_golden_sections_of_a_lexical_index_are_those_of_today() {
    let (_dir, path) = directory();
    let db = open_without_background(&path);
    db.lexical().define(NAME, definition()).unwrap();
    db.items()
        .put_many(&(0..150).map(record).collect::<Vec<_>>())
        .unwrap();
    db.seal().unwrap();
    let reader = Reader::open(&path);
    let [table, arrays] = reader.lexical_sections();
    if let Some(out) = std::env::var_os("TWINSPIRE_GOLDEN") {
        write_file(Path::new(&out), "lexical-table", &table);
        write_file(Path::new(&out), "lexical-indexes", &arrays);
    }
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let read = |name: &str| fs::read(golden.join(name)).unwrap();
    assert!(table == read("lexical-table") && arrays == read("lexical-indexes"));
    let [index] = &*indexes(&table, &arrays) else {
        panic!("one index");
    };
    let records: Vec<Option<Value>> = (0..150).map(|number| Some(record(number))).collect();
    let analysis = reader.manifest.lexical[NAME].analysis();
    assert!(
        *index == analysis.index(&records),
        "the words of the records"
    );
}
