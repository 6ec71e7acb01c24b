//! The Cranfield collection: 1,400 abstracts on aerodynamics, 225 queries, judgements.
//!
//! Queries are numbered in file order, as the judgements number them. Codes 1 to 4 are relevant, the
//! grade being 5 − code; all others are not. Documents are title and text.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io;
use std::path::Path;

/// Number of answers that are judged.
pub const DEPTH: usize = 100;

/// The collection.
pub struct Cranfield {
    /// Items with `id` and `text`.
    pub documents: Vec<Value>,
    /// The queries that have a relevant document.
    pub queries: Vec<Query>,
}

/// A query and its judgements.
pub struct Query {
    /// Its text.
    pub text: String,
    /// The grade of each relevant document, by its id.
    pub grades: HashMap<String, u32>,
}

/// Means over the queries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quality {
    /// nDCG of the first ten, the gain being 2^grade − 1.
    pub ndcg_10: f64,
    /// Share of the relevant documents among the first hundred.
    pub recall_100: f64,
}

impl Cranfield {
    /// Reads the directory.
    pub fn read(dir: &Path) -> io::Result<Self> {
        let documents = entries(&dir.join("cran.all.1400"))?;
        let documents = documents.iter().enumerate().map(|(at, entry)| {
            let field = |name: char| entry.get(&name).map_or("", |text| text.trim());
            // The title is a sentence of its own.
            let text = format!("{}\n\n{}", field('T'), field('W'));
            json!({"id": (at + 1).to_string(), "text": text.trim()})
        });
        let documents: Vec<_> = documents.collect();
        let asked = entries(&dir.join("cran.qry"))?;
        let asked = asked.iter().map(|entry| Query {
            text: entry.get(&'W').map_or("", |text| text.trim()).to_owned(),
            grades: HashMap::new(),
        });
        let mut queries: Vec<_> = asked.collect();
        for line in text(&dir.join("cranqrel"))?.lines() {
            let numbers: Vec<i64> = line
                .split_whitespace()
                .filter_map(|n| n.parse().ok())
                .collect();
            if let [query, document, code, ..] = numbers[..]
                && (1..=4).contains(&code)
                && (1..=documents.len() as i64).contains(&document)
                && let Some(query) = queries.get_mut((query - 1).max(0) as usize)
            {
                query.grades.insert(document.to_string(), (5 - code) as u32);
            }
        }
        queries.retain(|query| !query.grades.is_empty());
        Ok(Self { documents, queries })
    }

    /// Judges the answers to each query, given by their ids.
    pub fn judge(&self, answers: &[Vec<String>]) -> Quality {
        let mut quality = Quality::default();
        let gain =
            |grade: u32, rank: usize| f64::from((1 << grade) - 1) / (rank as f64 + 2.0).log2();
        for (query, answer) in self.queries.iter().zip(answers) {
            let found = answer.iter().enumerate();
            let found = found.filter_map(|(rank, id)| Some((rank, *query.grades.get(id)?)));
            let dcg = found.clone().filter(|(rank, _)| *rank < 10);
            let dcg: f64 = dcg.map(|(rank, grade)| gain(grade, rank)).sum();
            let mut grades: Vec<u32> = query.grades.values().copied().collect();
            grades.sort_unstable_by(|a, b| b.cmp(a));
            let ideal = grades.iter().take(10).enumerate();
            let ideal: f64 = ideal.map(|(rank, grade)| gain(*grade, rank)).sum();
            quality.ndcg_10 += dcg / ideal;
            quality.recall_100 += found.count() as f64 / query.grades.len() as f64;
        }
        let queries = self.queries.len() as f64;
        quality.ndcg_10 /= queries;
        quality.recall_100 /= queries;
        quality
    }

    /// The answers of BM25 (Okapi, k₁ 1.5, b 0.75; negative idf raised to a quarter of the mean). Its known
    /// quality, 0.327 and 0.687, confirms that the collection is read correctly.
    pub fn bm25(&self) -> Vec<Vec<String>> {
        let texts = self
            .documents
            .iter()
            .map(|item| item["text"].as_str().unwrap_or_default());
        let documents: Vec<HashMap<String, f64>> = texts.map(counts).collect();
        let lengths: Vec<f64> = documents.iter().map(|words| words.values().sum()).collect();
        let number = documents.len() as f64;
        let mean = lengths.iter().sum::<f64>() / number;
        let mut idf: HashMap<&str, f64> = HashMap::new();
        for word in documents.iter().flat_map(HashMap::keys) {
            *idf.entry(word).or_default() += 1.0;
        }
        let of = |count: f64| ((number - count + 0.5) / (count + 0.5)).ln();
        idf.values_mut().for_each(|count| *count = of(*count));
        let least = 0.25 * idf.values().sum::<f64>() / idf.len() as f64;
        let each = self.queries.iter().map(|query| {
            let asked = counts(&query.text);
            let score = |at: usize| -> f64 {
                let length = 0.25 + 0.75 * lengths[at] / mean;
                let words = asked.iter().filter_map(|(word, times)| {
                    let idf = idf.get(word.as_str()).copied()?;
                    let idf = if idf < 0.0 { least } else { idf };
                    let found = documents[at].get(word)?;
                    Some(times * idf * found * 2.5 / (found + 1.5 * length))
                });
                words.sum()
            };
            let mut scores: Vec<_> = (0..documents.len()).map(|at| (score(at), at)).collect();
            scores.sort_by(|(a, at), (b, other)| b.total_cmp(a).then(at.cmp(other)));
            let best = scores.iter().take(DEPTH);
            best.map(|(_, at)| (at + 1).to_string()).collect()
        });
        each.collect()
    }
}

/// Word counts of a text.
fn counts(text: &str) -> HashMap<String, f64> {
    let mut counts = HashMap::new();
    let lower = text.to_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        *counts.entry(word.to_owned()).or_default() += 1.0;
    }
    counts
}

/// The fields of each entry, by their letters.
fn entries(path: &Path) -> io::Result<Vec<HashMap<char, String>>> {
    let mut all: Vec<HashMap<char, String>> = Vec::new();
    let mut field = None;
    for line in text(path)?.lines() {
        match line.trim_end() {
            line if line.starts_with(".I") => {
                all.push(HashMap::new());
                field = None;
            }
            ".T" => field = Some('T'),
            ".A" => field = Some('A'),
            ".B" => field = Some('B'),
            ".W" => field = Some('W'),
            line => {
                if let (Some(field), Some(entry)) = (field, all.last_mut()) {
                    let text = entry.entry(field).or_default();
                    text.push(' ');
                    text.push_str(line);
                }
            }
        }
    }
    Ok(all)
}

fn text(path: &Path) -> io::Result<String> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let bytes = std::fs::read(path).map_err(named)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
