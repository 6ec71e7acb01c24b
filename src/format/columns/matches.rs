//! The rows of a column that pass a test.

use super::column::Column;
use super::limits::MAX_TEXT_BYTES;
use super::mark::{MARKS, Mark};
use crate::format::dense::search_dense;
use std::borrow::Cow;
use std::ops::{Bound, Range};
use twinspire_towers::internals::{Place, Term, Test};

/// How far beyond its latitudes a search for near places looks, in degrees. Distances between antipodes
/// have a rounding error of about a metre.
const SLACK_DEGREES: f64 = 1e-4;

/// The rows of a column that pass a test, as far as the column alone can decide.
///
/// A row passes if [`contains`](Self::contains) says so, or if it is [uncertain](Self::uncertain) and its
/// record passes.
#[derive(Clone, Debug)]
pub(crate) struct Matches<'a> {
    column: Column<'a>,
    /// The ordinals that pass, as sorted ranges that do not touch.
    ranges: Vec<Range<u32>>,
    /// The least of these ordinals, and the width from it to the largest.
    low: u32,
    width: u32,
    near: Option<Circle<'a>>,
    uncertain: Cow<'a, [u32]>,
}

/// The places in a circle.
#[derive(Clone, Copy, Debug)]
struct Circle<'a> {
    centre: Place,
    km: f64,
    /// Half of the height of the circle, in degrees of latitude.
    degrees: f64,
    /// The places at these latitudes.
    candidates: &'a [u32],
    /// The rows of all places, in order.
    rows: &'a [u32],
}

impl Matches<'_> {
    /// An upper bound of the number of rows that pass. Exact if no row has several terms or a long text, and if
    /// the test is not for places.
    pub(crate) fn count(&self) -> usize {
        let ranges = self.ranges.iter();
        let rows: usize = ranges.map(|range| self.column.rows_of(range).len()).sum();
        let near = self.near.map_or(0, |near| near.candidates.len());
        rows + near + self.uncertain.len()
    }

    /// Calls `each` with the rows that certainly pass, in batches and in no order. A row with several terms may
    /// repeat. A damaged column may name rows that the segment does not have.
    pub(crate) fn for_each_batch(&self, mut each: impl FnMut(&[u32])) {
        for range in &self.ranges {
            each(self.column.rows_of(range));
        }
        if let Some(near) = &self.near {
            let inside = |at: &&u32| self.is_near(near, **at as usize);
            let candidates = near.candidates.iter().filter(inside);
            let rows = candidates.filter_map(|at| near.rows.get(*at as usize));
            each(&rows.copied().collect::<Vec<_>>());
        }
    }

    /// Whether a row certainly passes.
    #[inline]
    pub(crate) fn contains(&self, row: u32) -> bool {
        if let Some(near) = &self.near {
            let at = search_dense(near.rows, row);
            return at.is_some_and(|at| self.is_near(near, at));
        }
        let entries = self.column.entries_of(row);
        entries.iter().any(|ordinal| self.accepts(*ordinal))
    }

    /// Prefetches what [`contains`](Self::contains) reads first.
    pub(crate) fn prefetch(&self, row: u32) {
        if self.near.is_none() {
            self.column.prefetch(row);
        }
    }

    /// Whether a row may repeat in [`for_each_batch`](Self::for_each_batch) and the uncertain rows.
    pub(crate) fn may_repeat(&self) -> bool {
        self.column.has_many_entries() || !self.uncertain.is_empty()
    }

    /// Rows that only their record can decide, sorted. Some of them may certainly pass.
    pub(crate) fn uncertain(&self) -> &[u32] {
        &self.uncertain
    }

    /// Whether only the record can decide a row.
    pub(crate) fn is_uncertain(&self, row: u32) -> bool {
        !self.uncertain.is_empty() && self.uncertain.binary_search(&row).is_ok()
    }

    /// Whether an ordinal passes.
    #[inline]
    fn accepts(&self, ordinal: u32) -> bool {
        ordinal.wrapping_sub(self.low) < self.width
            && (self.ranges.len() == 1 || self.is_in_ranges(ordinal))
    }

    fn is_in_ranges(&self, ordinal: u32) -> bool {
        let after = self.ranges.partition_point(|range| range.end <= ordinal);
        let range = self.ranges.get(after);
        range.is_some_and(|range| range.start <= ordinal)
    }

    fn is_near(&self, near: &Circle<'_>, at: usize) -> bool {
        let place = self.column.place(at);
        place.is_some_and(|place| {
            (place.lat - near.centre.lat).abs() <= near.degrees
                && near.centre.distance_km(&place) <= near.km
        })
    }
}

impl<'a> Matches<'a> {
    /// Makes the rows with a mark uncertain: they may have terms that are not in the dictionary.
    fn set_uncertain(&mut self, mark: Mark) {
        let rows: &'a [u32] = self.column.marked(mark);
        if self.uncertain.is_empty() {
            self.uncertain = Cow::Borrowed(rows);
        } else if !rows.is_empty() {
            let uncertain = self.uncertain.to_mut();
            uncertain.extend_from_slice(rows);
            uncertain.sort_unstable();
            uncertain.dedup();
        }
    }
}

impl<'a> Column<'a> {
    /// The rows that pass a test.
    pub(crate) fn resolve(self, test: &Test) -> Matches<'a> {
        let mut matches = Matches {
            column: self,
            ranges: Vec::new(),
            low: 0,
            width: 0,
            near: None,
            uncertain: Cow::Borrowed(&[]),
        };
        match test {
            Test::Between { low, high } => {
                let (range, mark) = self.between(low, high);
                matches.ranges.push(range);
                if let Some(mark) = mark {
                    matches.set_uncertain(mark);
                }
                if matches!((low, high), (Bound::Unbounded, Bound::Unbounded)) {
                    // Every term, also those that are not in the dictionary.
                    let marks = [Mark::Long, Mark::Numbers].map(|mark| self.ordinal(mark));
                    matches
                        .ranges
                        .extend(marks.map(|at| at..at.saturating_add(1)));
                }
            }
            Test::OneOf(terms) => {
                let mut ordinals = Vec::from_iter(terms.iter().filter_map(|term| self.find(term)));
                ordinals.sort_unstable();
                ordinals.dedup();
                matches.ranges = runs(&ordinals);
                if terms.iter().any(is_long) {
                    matches.set_uncertain(Mark::Long);
                }
                if terms.iter().any(|term| matches!(term, Term::Number(_))) {
                    matches.set_uncertain(Mark::Numbers);
                }
            }
            Test::Present => matches.ranges.push(0..self.terms.saturating_add(MARKS)),
            Test::Within { centre, km } => matches.near = Some(self.circle(*centre, *km)),
        }
        matches.ranges.retain(|range| !range.is_empty());
        if let (Some(first), Some(last)) = (matches.ranges.first(), matches.ranges.last()) {
            (matches.low, matches.width) = (first.start, last.end - first.start);
        }
        matches
    }

    /// The places that may be within `km` of a point, by their latitudes.
    fn circle(&self, centre: Place, km: f64) -> Circle<'a> {
        let degrees = km / Place::KM_PER_DEGREE + SLACK_DEGREES;
        let latitude = |place: &u32| {
            let latitude = self.latitudes.get(*place as usize);
            latitude.copied().unwrap_or(f64::INFINITY)
        };
        let (south, north) = (centre.lat - degrees, centre.lat + degrees);
        let from = self
            .by_latitude
            .partition_point(|place| latitude(place) < south);
        let to = self
            .by_latitude
            .partition_point(|place| latitude(place) <= north);
        Circle {
            centre,
            km,
            degrees,
            candidates: self.by_latitude.get(from..to).unwrap_or_default(),
            rows: self.marked(Mark::Place),
        }
    }
}

/// Whether a text is too long for the dictionary.
fn is_long(term: &Term) -> bool {
    matches!(term, Term::Text(text) if text.len() > MAX_TEXT_BYTES)
}

/// Sorted numbers as ranges.
fn runs(numbers: &[u32]) -> Vec<Range<u32>> {
    let runs = numbers.chunk_by(|a, b| *a + 1 == *b);
    let range = |run: &[u32]| Some(*run.first()?..*run.last()? + 1);
    runs.filter_map(range).collect()
}
