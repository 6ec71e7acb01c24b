//! The scores of BM25.

use super::analysis::Analysis;
use super::index::LexicalIndex;
use super::lexical::Lexical;
use bincode::{Decode, Encode};
use std::collections::BTreeMap;

/// The terms of a query with their weights, and how lengths count: the same for every index that is searched.
#[derive(Clone, Debug)]
pub(crate) struct TermQuery {
    /// Each term with what its score is multiplied by, in order of terms.
    pub(super) terms: Vec<(String, f32)>,
    /// How lengths count.
    pub(super) lengths: Lengths,
}

/// How the length of an item counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lengths {
    /// The part that counts for every item.
    base: f32,
    /// What each unit of the length adds.
    slope: f32,
}

/// Statistics of all indexes that a query searches, of one database or of several. Rows that a newer version hides count
/// until a merge drops them, as in other engines: leaving them out would take a pass over the postings of every term.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct TermStatistics {
    documents: u64,
    /// The sum of the lengths of all documents.
    length: u64,
    /// Number of documents with each term of the query.
    with: BTreeMap<String, u64>,
}

impl TermStatistics {
    /// The statistics of these indexes for some terms.
    pub(crate) fn of<'t>(
        terms: impl IntoIterator<Item = &'t String>,
        indexes: &[LexicalIndex<'_>],
    ) -> Self {
        let mut statistics = Self::default();
        for index in indexes {
            let shape = index.shape();
            statistics.documents += u64::from(shape.documents);
            statistics.length = statistics.length.saturating_add(shape.length);
        }
        for term in terms {
            let counts = indexes.iter().map(|index| u64::from(index.count(term)));
            statistics.with.insert(term.clone(), counts.sum());
        }
        statistics
    }

    /// Adds the statistics of other indexes for the same query.
    pub(crate) fn add(&mut self, other: &Self) {
        self.documents = self.documents.saturating_add(other.documents);
        self.length = self.length.saturating_add(other.length);
        for (term, count) in &other.with {
            let sum = self.with.entry(term.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// Number of documents with a term.
    fn with(&self, term: &str) -> u64 {
        self.with.get(term).copied().unwrap_or_default()
    }

    /// ln(1 + (N − n + ½) / (n + ½)): above 0 for every n.
    fn rarity(&self, with_term: u64) -> f64 {
        let (all, with) = (self.documents as f64, with_term as f64);
        ((all - with + 0.5).max(0.5) / (with + 0.5)).ln_1p()
    }

    /// The mean length of an item, at least 1.
    fn mean_length(&self) -> f64 {
        (self.length as f64 / (self.documents as f64).max(1.0)).max(1.0)
    }
}

impl TermQuery {
    /// The terms with their weights, in order.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (&str, f32)> {
        let terms = self.terms.iter();
        terms.map(|(term, weight)| (term.as_str(), *weight))
    }

    /// A query of terms and how often it has each, over these indexes.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn new(
        counts: &BTreeMap<String, u32>,
        lexical: &Lexical,
        analysis: &Analysis,
        indexes: &[LexicalIndex<'_>],
    ) -> Self {
        let statistics = TermStatistics::of(counts.keys(), indexes);
        Self::with_statistics(counts, lexical, analysis, &statistics)
    }

    /// A query of terms and how often it has each, over indexes with these statistics.
    pub(crate) fn with_statistics(
        counts: &BTreeMap<String, u32>,
        lexical: &Lexical,
        analysis: &Analysis,
        statistics: &TermStatistics,
    ) -> Self {
        let (k1, b) = lexical.parameters();
        let terms = counts.iter().filter_map(|(term, times)| {
            let with = statistics.with(term);
            let weight = f64::from(*times) * statistics.rarity(with) * (k1 + 1.0);
            (with > 0).then(|| (term.clone(), weight as f32))
        });
        // Frequencies are stored in units of tenths: the saturation is brought to the same.
        let k1 = k1 * 10.0 / f64::from(analysis.unit());
        Self {
            terms: terms.collect(),
            lengths: Lengths {
                base: (k1 * (1.0 - b)) as f32,
                slope: (k1 * b / statistics.mean_length()) as f32,
            },
        }
    }

    /// How rare a term is.
    pub(crate) fn weight_of(term: &String, indexes: &[LexicalIndex<'_>]) -> f64 {
        let statistics = TermStatistics::of([term], indexes);
        statistics.rarity(statistics.with(term))
    }
}

impl Lengths {
    /// What a term of this weight adds to the score of an item.
    #[inline]
    pub(super) fn part(self, weight: f32, frequency: u32, length: u32) -> f32 {
        let frequency = frequency as f32;
        weight * (frequency / (frequency + self.base + self.slope * length as f32))
    }
}
