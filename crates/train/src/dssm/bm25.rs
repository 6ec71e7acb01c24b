//! BM25 (Robertson et al., TREC-3, 1994): the baseline of texts, by exact words.

use super::examples::{Example, Examples};
use std::collections::{BTreeMap, HashMap};

/// Saturation of the count of a word in a document.
const K1: f64 = 1.2;
/// How much the length of a document counts.
const B: f64 = 0.75;

/// The documents of a search.
struct Index<'a> {
    /// For each word the documents with it, and its count in each.
    postings: HashMap<&'a str, Vec<(u32, u32)>>,
    /// Number of words of each document.
    lengths: Vec<u32>,
    /// Mean number of words.
    mean: f64,
}

/// The rank, from 0, of the document of each example among all documents, without other known positives of its query.
/// A sentence that is the query is no part of its document. Equal scores are ordered by number.
pub(super) fn ranks(texts: &Examples, asked: &[Example]) -> Vec<Option<usize>> {
    let index = Index::new(texts);
    let mut scores = vec![0.0; texts.documents()];
    let each = asked.iter().map(|example| {
        let query = counts(texts.query_words(*example));
        scores.fill(0.0);
        for (word, times) in &query {
            for (document, count) in index.postings.get(word).map_or(&[][..], Vec::as_slice) {
                let length = f64::from(index.lengths[*document as usize]);
                scores[*document as usize] +=
                    f64::from(*times) * index.weight(word, f64::from(*count), length);
            }
        }
        let own: Vec<&str> = texts
            .document_words(example.document, Some(*example))
            .collect();
        let length = own.len() as f64;
        let own = counts(own.into_iter());
        let own = query.iter().map(|(word, times)| {
            let count = own.get(word).copied().unwrap_or(0);
            f64::from(*times) * index.weight(word, f64::from(count), length)
        });
        let own: f64 = own.sum();
        let before = scores.iter().zip(0u32..).filter(|(score, document)| {
            let is_before = **score > own || (**score == own && *document < example.document);
            is_before && !texts.is_positive(*example, *document)
        });
        Some(before.count())
    });
    each.collect()
}

impl<'a> Index<'a> {
    fn new(texts: &'a Examples) -> Self {
        let mut postings: HashMap<&str, Vec<(u32, u32)>> = HashMap::new();
        let mut lengths = Vec::with_capacity(texts.documents());
        for document in 0..texts.documents() as u32 {
            let found = counts(texts.document_words(document, None));
            lengths.push(found.values().sum());
            for (word, count) in found {
                postings.entry(word).or_default().push((document, count));
            }
        }
        let total: f64 = lengths.iter().map(|length| f64::from(*length)).sum();
        Self {
            mean: (total / lengths.len().max(1) as f64).max(1.0),
            postings,
            lengths,
        }
    }

    /// What a word of the query adds to the score of a document.
    fn weight(&self, word: &str, count: f64, length: f64) -> f64 {
        let with = self.postings.get(word).map_or(0, Vec::len) as f64;
        let rarity = ((self.lengths.len() as f64 - with + 0.5) / (with + 0.5)).ln_1p();
        rarity * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / self.mean))
    }
}

/// How often each word occurs.
fn counts<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, u32> {
    let mut counts = BTreeMap::new();
    words.for_each(|word| *counts.entry(word).or_default() += 1);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Dataset;
    use crate::dssm::Config;
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;
    use serde_json::json;

    #[test]
    fn a_document_is_found_by_its_rare_words_without_the_sentence_that_asks() {
        let data = Dataset {
            items: vec![
                json!({"id": "1", "text": "The lift of the wing. The wing has lift at once."}),
                json!({"id": "2", "text": "The heat of the nose. The nose is hot."}),
                json!({"id": "3", "text": "The sound. Nothing alike is said here of anything."}),
            ],
            ..Dataset::default()
        };
        let config = Config::default().with_fields(&data, None).unwrap();
        let texts = Examples::new(&data, &config).unwrap();
        let (_, mut asked) = texts.split(1.0, &mut Pcg64Mcg::seed_from_u64(1));
        asked.retain(|example| example.document < 2);
        assert_eq!(ranks(&texts, &asked), [Some(0); 4]);
        // By hand: 3 documents, of which one has "wing", twice in 8 words.
        let index = Index::new(&texts);
        let rarity = (1.0 + 2.5 / 1.5f64).ln();
        let long = f64::from(index.lengths[0]) / index.mean;
        let expected = rarity * 2.0 * 2.2 / (2.0 + 1.2 * (0.25 + 0.75 * long));
        let found = index.weight("wing", 2.0, f64::from(index.lengths[0]));
        assert!((found - expected).abs() < 1e-12);
    }
}
