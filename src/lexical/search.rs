//! The best rows of an index, and the score of one row.
//!
//! MaxScore: as soon as the worst of the best rows scores more than the most frequent terms can add together,
//! a row needs one of the other terms to be among the best, so only their postings are walked. Bounds of blocks
//! skip stretches in which even these cannot add enough.

use super::bm25::{Lengths, TermQuery};
use super::cursor::Cursor;
use super::index::{LexicalIndex, TermNo};

/// A term of the query in one index.
struct QueryTerm<'a> {
    cursor: Cursor<'a>,
    /// Its place in the query.
    place: usize,
    weight: f32,
    /// The most that it can add.
    bound: f64,
}

/// Passes rows and scores to `push`, in order of rows. `push` returns the score below which a row does not matter from
/// then on; `threshold` is that score at first. Rows below it may be left out.
pub(crate) fn search(
    index: LexicalIndex<'_>,
    query: &TermQuery,
    mut threshold: f32,
    mut push: impl FnMut(u32, f32) -> f32,
) {
    // Scores are sums of rounded numbers, and may exceed the sum of the exact bounds by as much.
    let slack = 1.0 + 1e-7 * (query.terms.len() + 8) as f64;
    let mut terms = Vec::with_capacity(query.terms.len());
    for (place, (term, weight)) in query.terms.iter().enumerate() {
        if let Some(term) = index.find(term) {
            let cursor = Cursor::new(index, term);
            let (frequency, length) = cursor.bounds();
            terms.push(QueryTerm {
                bound: f64::from(query.lengths.part(*weight, frequency, length)) * slack,
                weight: *weight,
                cursor,
                place,
            });
        }
    }
    terms.sort_by(|a, b| a.bound.total_cmp(&b.bound));
    let mut sum = 0.0;
    let sums = terms.iter().map(|term| {
        sum += term.bound;
        sum
    });
    // The most that the terms up to each can add together.
    let sums: Vec<f64> = sums.collect();
    let mut parts = vec![0.0f32; query.terms.len()];
    let mut window: Option<Window> = None;
    loop {
        // Terms before this one cannot make a row one of the best.
        let first = sums.partition_point(|sum| *sum < f64::from(threshold));
        let (frequent, needed) = terms.split_at_mut(first);
        let rows = needed.iter().filter_map(|term| term.cursor.row());
        let Some(row) = rows.min() else { return };
        let by_frequent = first.checked_sub(1).and_then(|at| sums.get(at));
        let by_frequent = by_frequent.copied().unwrap_or_default();
        let present = window.filter(|window| window.needed_from == first && row <= window.last);
        let here = present.unwrap_or_else(|| Window::at(row, query, needed, slack, first));
        window = Some(here);
        if here.bound + by_frequent < f64::from(threshold) {
            let Some(next) = here.last.checked_add(1) else {
                return;
            };
            needed.iter_mut().for_each(|term| term.cursor.seek(next));
            continue;
        }
        let length = index.length(row);
        parts.fill(0.0);
        let mut add = |term: &mut QueryTerm<'_>| -> f64 {
            let part = query
                .lengths
                .part(term.weight, term.cursor.frequency(), length);
            if let Some(slot) = parts.get_mut(term.place) {
                *slot = part;
            }
            f64::from(part) * slack
        };
        let mut so_far = 0.0;
        for term in needed
            .iter_mut()
            .filter(|term| term.cursor.row() == Some(row))
        {
            so_far += add(term);
            term.cursor.advance();
        }
        let mut is_possible = true;
        for (term, rest) in frequent.iter_mut().zip(&sums).rev() {
            if so_far + rest < f64::from(threshold) {
                is_possible = false;
                break;
            }
            term.cursor.seek(row);
            if term.cursor.row() == Some(row) {
                so_far += add(term);
            }
        }
        if is_possible {
            // In the order of the query: the score does not depend on which terms were walked.
            let score: f32 = parts.iter().sum();
            if score >= threshold {
                threshold = threshold.max(push(row, score));
            }
        }
    }
}

/// A stretch of rows in which no needed term changes its block.
#[derive(Clone, Copy)]
struct Window {
    /// Its last row.
    last: u32,
    /// The most that the needed terms can add in it.
    bound: f64,
    /// The terms from this one on were needed when it was made.
    needed_from: usize,
}

impl Window {
    fn at(row: u32, query: &TermQuery, needed: &[QueryTerm<'_>], slack: f64, first: usize) -> Self {
        let mut window = Self {
            last: u32::MAX,
            bound: 0.0,
            needed_from: first,
        };
        for term in needed.iter().filter(|term| term.cursor.row().is_some()) {
            let (frequency, length, last) = term.cursor.block_bounds();
            window.bound += f64::from(query.lengths.part(term.weight, frequency, length)) * slack;
            // A row of a damaged block may be beyond its last one.
            window.last = window.last.min(last.max(row));
        }
        window
    }
}

/// Scores single rows of an index.
pub(crate) struct RowScorer<'a> {
    index: LexicalIndex<'a>,
    terms: Vec<(TermNo, f32)>,
    lengths: Lengths,
}

impl<'a> RowScorer<'a> {
    /// The terms of the query are looked up once.
    pub(crate) fn new(index: LexicalIndex<'a>, query: &TermQuery) -> Self {
        let terms = query.terms.iter();
        let terms = terms.filter_map(|(term, weight)| Some((index.find(term)?, *weight)));
        Self {
            terms: terms.collect(),
            index,
            lengths: query.lengths,
        }
    }

    /// The score of a row: 0 if it has no term of the query.
    pub(crate) fn score(&self, row: u32) -> f32 {
        let length = self.index.length(row);
        let part = |(term, weight): &(TermNo, f32)| {
            let mut cursor = Cursor::new(self.index, *term);
            cursor.seek(row);
            match cursor.row() == Some(row) {
                true => self.lengths.part(*weight, cursor.frequency(), length),
                false => 0.0,
            }
        };
        self.terms.iter().map(part).sum()
    }

    /// Number of postings of the terms: what scoring all rows costs.
    pub(crate) fn postings(&self) -> usize {
        let counts = self
            .terms
            .iter()
            .map(|(term, _)| self.index.count_of(*term));
        counts.map(|count| count as usize).sum()
    }
}
