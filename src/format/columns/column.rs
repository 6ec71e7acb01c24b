//! A column read in place, and the rows in it that match a test.

use super::{ARRAYS, Array, FieldKinds, MARKS, Mark, Shape, padded};
use crate::format::{guess_dense, search_dense};
use std::ops::{Bound, Range};
use twinspire_core::kernel::prefetch;
use twinspire_towers::internals::{Place, Term, Test};

/// How far beyond its latitudes a search for near places looks, in degrees: distances between places
/// at opposite ends of the earth are computed with an error of about a metre.
const SLACK_DEGREES: f64 = 1e-4;

/// A column of a segment, read in place. What the file says is checked when it is used: a damaged
/// column may miss rows, or name wrong ones, and never more than that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column<'a> {
    shape: &'a Shape,
    /// Terms in the dictionary; the ordinal of the first mark.
    terms: u32,
    numbers: &'a [f64],
    latitudes: &'a [f64],
    longitudes: &'a [f64],
    text_offsets: &'a [u32],
    texts: &'a [u8],
    posting_offsets: &'a [u32],
    postings: &'a [u32],
    slot_rows: &'a [u32],
    entry_offsets: &'a [u32],
    entries: &'a [u32],
    by_latitude: &'a [u32],
}

impl<'a> Column<'a> {
    /// The column whose arrays begin at `start`.
    pub(super) fn new(bytes: &'a [u8], start: usize, shape: &'a Shape, rows: u32) -> Self {
        let lengths = shape.lengths(rows);
        let mut parts: [&[u8]; ARRAYS] = [&[]; ARRAYS];
        let mut at = start;
        for (part, length) in parts.iter_mut().zip(lengths) {
            // That all of it lies within the file was seen when the table was read.
            let end = at + length as usize;
            *part = bytes.get(at..end).unwrap_or_default();
            at += padded(length) as usize;
        }
        let part = |array: Array| parts.get(array as usize).copied().unwrap_or_default();
        let numbers = |array| bytemuck::try_cast_slice(part(array)).unwrap_or_default();
        let degrees = |array| bytemuck::try_cast_slice(part(array)).unwrap_or_default();
        Self {
            shape,
            terms: shape.terms() as u32,
            numbers: degrees(Array::Numbers),
            latitudes: degrees(Array::Latitudes),
            longitudes: degrees(Array::Longitudes),
            text_offsets: numbers(Array::TextOffsets),
            texts: part(Array::Texts),
            posting_offsets: numbers(Array::PostingOffsets),
            postings: numbers(Array::Postings),
            slot_rows: numbers(Array::SlotRows),
            entry_offsets: numbers(Array::EntryOffsets),
            entries: numbers(Array::Entries),
            by_latitude: numbers(Array::ByLatitude),
        }
    }

    /// What occurs in it.
    pub(crate) fn kinds(self) -> FieldKinds {
        self.shape.kinds()
    }

    /// The largest number of a row.
    pub(crate) fn largest_number(self, row: u32) -> Option<f64> {
        let ordinals = self.kind(Kind::Number);
        let mut entries = self.entries_of(row).iter().rev();
        let ordinal = entries.find(|ordinal| ordinals.contains(ordinal))?;
        let number = self.numbers.get((ordinal - ordinals.start) as usize)?;
        number.is_finite().then_some(*number)
    }

    /// The least and the largest number of all rows.
    pub(crate) fn number_range(self) -> Option<(f64, f64)> {
        Some((*self.numbers.first()?, *self.numbers.last()?))
    }

    /// A number that about `count` rows exceed.
    pub(crate) fn number_but(self, count: usize) -> Option<f64> {
        let ordinals = self.kind(Kind::Number);
        let end = self.postings_start(ordinals.end);
        let (mut from, mut to) = (ordinals.start, ordinals.end);
        while from < to {
            let middle = from + (to - from) / 2;
            if end.saturating_sub(self.postings_start(middle)) > count {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        // Of the last one that is too much, only what exceeds it is asked for.
        let at = from.checked_sub(1)?.checked_sub(ordinals.start)?;
        self.numbers.get(at as usize).copied()
    }

    /// The rows that match a test.
    pub(crate) fn resolve(self, test: &Test) -> Matches<'a> {
        let mut matches = Matches {
            column: self,
            ranges: Vec::new(),
            low: 0,
            width: 0,
            near: None,
            uncertain: &[],
        };
        match test {
            Test::Between { low, high } => {
                let (range, texts) = self.between(low, high);
                matches.ranges.push(range);
                matches.may_match_long(texts);
            }
            Test::OneOf(terms) => {
                let mut ordinals = Vec::from_iter(terms.iter().filter_map(|term| self.find(term)));
                ordinals.sort_unstable();
                ordinals.dedup();
                matches.ranges = runs(&ordinals);
                matches.may_match_long(terms.iter().any(is_long));
            }
            Test::Present => matches.ranges.push(0..self.terms.saturating_add(MARKS)),
            Test::Within { centre, km } => matches.near = Some(self.near(*centre, *km)),
        }
        matches.ranges.retain(|range| !range.is_empty());
        if let (Some(first), Some(last)) = (matches.ranges.first(), matches.ranges.last()) {
            (matches.low, matches.width) = (first.start, last.end - first.start);
        }
        matches
    }

    /// The ordinals between two bounds, and whether longer texts may lie there too.
    fn between(&self, low: &Bound<Term>, high: &Bound<Term>) -> (Range<u32>, bool) {
        let of = |bound: &'_ Bound<Term>| match bound {
            Bound::Included(term) | Bound::Excluded(term) => Some(Kind::of(term)),
            Bound::Unbounded => None,
        };
        let kind = match (of(low), of(high)) {
            // Every term, those that are too long for the dictionary too: the first mark is theirs.
            (None, None) => return (0..self.terms.saturating_add(1), false),
            (Some(low), Some(high)) if low != high => return (0..0, false),
            (Some(kind), _) | (None, Some(kind)) => kind,
        };
        let whole = self.kind(kind);
        let from = match low {
            Bound::Included(term) => self.rank(term, false),
            Bound::Excluded(term) => self.rank(term, true),
            Bound::Unbounded => whole.start,
        };
        let to = match high {
            Bound::Included(term) => self.rank(term, true),
            Bound::Excluded(term) => self.rank(term, false),
            Bound::Unbounded => whole.end,
        };
        (from..to, kind == Kind::Text)
    }

    /// The ordinals of a kind.
    fn kind(&self, kind: Kind) -> Range<u32> {
        let booleans = self.shape.booleans.count_ones();
        let numbers = booleans.saturating_add(self.shape.numbers);
        match kind {
            Kind::Bool => 0..booleans,
            Kind::Number => booleans..numbers,
            Kind::Text => numbers..self.terms,
        }
    }

    /// The ordinal of the first term of its kind that is not below `term`, or, with `after`, above it.
    fn rank(&self, term: &Term, after: bool) -> u32 {
        let before = |order: std::cmp::Ordering| order.is_lt() || after && order.is_eq();
        let start = self.kind(Kind::of(term)).start;
        let below = match term {
            Term::Bool(flag) => {
                let there = [(1, false), (2, true)];
                let there = there
                    .iter()
                    .filter(|(bit, _)| self.shape.booleans & bit != 0);
                there.filter(|(_, other)| before(other.cmp(flag))).count()
            }
            Term::Number(number) => {
                let number = number + 0.0;
                self.numbers
                    .partition_point(|other| before(other.total_cmp(&number)))
            }
            Term::Text(text) => {
                let (mut from, mut to) = (0, self.shape.texts as usize);
                while from < to {
                    let middle = from + (to - from) / 2;
                    if before(self.text(middle).cmp(text.as_bytes())) {
                        from = middle + 1;
                    } else {
                        to = middle;
                    }
                }
                from
            }
        };
        start + below as u32
    }

    /// The ordinal of a term.
    fn find(&self, term: &Term) -> Option<u32> {
        let at = self.rank(term, false);
        (self.rank(term, true) > at).then_some(at)
    }

    /// Text `at` of the dictionary.
    fn text(&self, at: usize) -> &'a [u8] {
        let offsets = self.text_offsets.get(at..).unwrap_or_default();
        match offsets {
            [from, to, ..] => self.texts.get(*from as usize..*to as usize),
            _ => None,
        }
        .unwrap_or_default()
    }

    /// Where the postings of an ordinal begin.
    fn postings_start(&self, ordinal: u32) -> usize {
        let shape = self.shape;
        match ordinal.checked_sub(self.terms) {
            None if shape.is_unique() => ordinal as usize,
            None => {
                let start = self.posting_offsets.get(ordinal as usize);
                start.copied().unwrap_or_default() as usize
            }
            Some(mark) => {
                let marks = [shape.long, shape.places, shape.empty];
                let before = marks.iter().take(mark as usize);
                shape.postings as usize + before.map(|count| *count as usize).sum::<usize>()
            }
        }
    }

    /// The rows of a range of ordinals.
    fn rows_of(&self, range: &Range<u32>) -> &'a [u32] {
        let rows = self.postings_start(range.start)..self.postings_start(range.end);
        self.postings.get(rows).unwrap_or_default()
    }

    /// The rows with a mark, in order.
    fn marked(&self, mark: Mark) -> &'a [u32] {
        let ordinal = self.terms.saturating_add(mark as u32);
        self.rows_of(&(ordinal..ordinal.saturating_add(1)))
    }

    /// The ordinals of a row.
    #[inline]
    fn entries_of(&self, row: u32) -> &'a [u32] {
        let slot = if self.slot_rows.is_empty() {
            row as usize
        } else {
            match search_dense(self.slot_rows, row) {
                Some(slot) => slot,
                None => return &[],
            }
        };
        let range = if self.entry_offsets.is_empty() {
            slot..slot.saturating_add(1)
        } else {
            match self.entry_offsets.get(slot..).unwrap_or_default() {
                [from, to, ..] => *from as usize..*to as usize,
                _ => return &[],
            }
        };
        self.entries.get(range).unwrap_or_default()
    }

    /// Asks for what [`entries_of`](Self::entries_of) will read first.
    fn prefetch(&self, row: u32) {
        let guess = match self.slot_rows.is_empty() {
            true => Some(row as usize),
            false => guess_dense(self.slot_rows, row),
        };
        let firsts = [self.slot_rows, self.entry_offsets, self.entries];
        let first = firsts.into_iter().find(|array| !array.is_empty());
        if let Some(first) = guess.and_then(|at| first?.get(at..=at)) {
            prefetch(first);
        }
    }

    /// Place `at`, in order of rows.
    fn place(&self, at: usize) -> Option<Place> {
        let (lat, lon) = (*self.latitudes.get(at)?, *self.longitudes.get(at)?);
        Some(Place { lat, lon })
    }

    /// The places that may be near one, by their latitudes.
    fn near(&self, centre: Place, km: f64) -> Near<'a> {
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
        Near {
            centre,
            km,
            degrees,
            candidates: self.by_latitude.get(from..to).unwrap_or_default(),
            rows: self.marked(Mark::Place),
        }
    }
}

/// The kind of a term.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Number,
    Text,
}

impl Kind {
    fn of(term: &Term) -> Self {
        match term {
            Term::Bool(_) => Self::Bool,
            Term::Number(_) => Self::Number,
            Term::Text(_) => Self::Text,
        }
    }
}

fn is_long(term: &Term) -> bool {
    matches!(term, Term::Text(text) if text.len() > super::MAX_TEXT_BYTES)
}

/// Numbers in order as ranges.
fn runs(numbers: &[u32]) -> Vec<Range<u32>> {
    let runs = numbers.chunk_by(|a, b| *a + 1 == *b);
    let range = |run: &[u32]| Some(*run.first()?..*run.last()? + 1);
    runs.filter_map(range).collect()
}

/// The rows of a column that match a test, as far as the column knows.
///
/// A row matches if the column [`contains`](Self::contains) it, or if it is among the
/// [`uncertain`](Self::uncertain) ones and its record matches.
#[derive(Clone, Debug)]
pub(crate) struct Matches<'a> {
    column: Column<'a>,
    /// The ordinals that match, in order and apart.
    ranges: Vec<Range<u32>>,
    /// The least of these, and how many there are from it to the largest.
    low: u32,
    width: u32,
    near: Option<Near<'a>>,
    uncertain: &'a [u32],
}

/// Places in a circle.
#[derive(Clone, Copy, Debug)]
struct Near<'a> {
    centre: Place,
    km: f64,
    /// No place in the circle is further north or south.
    degrees: f64,
    /// The places that are not.
    candidates: &'a [u32],
    /// The rows of all places, in order.
    rows: &'a [u32],
}

impl Matches<'_> {
    /// At least as many as the rows that match; exactly as many if no row has several terms or a long
    /// text, and if the test is not for places.
    pub(crate) fn count(&self) -> usize {
        let ranges = self.ranges.iter();
        let rows: usize = ranges.map(|range| self.column.rows_of(range).len()).sum();
        let near = self.near.map_or(0, |near| near.candidates.len());
        rows + near + self.uncertain.len()
    }

    /// Calls `each` with the rows that match for certain, some at a time, in any order; a row with several
    /// terms may come several times. In a damaged column there may be rows that the segment has not.
    pub(crate) fn each_rows(&self, mut each: impl FnMut(&[u32])) {
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

    /// Whether a row matches for certain.
    #[inline]
    pub(crate) fn contains(&self, row: u32) -> bool {
        if let Some(near) = &self.near {
            let at = search_dense(near.rows, row);
            return at.is_some_and(|at| self.is_near(near, at));
        }
        let entries = self.column.entries_of(row);
        entries.iter().any(|ordinal| self.holds(*ordinal))
    }

    /// Asks for what [`contains`](Self::contains) will read first.
    pub(crate) fn prefetch(&self, row: u32) {
        if self.near.is_none() {
            self.column.prefetch(row);
        }
    }

    /// Whether a row may come several times among the [`rows`](Self::rows) and the uncertain ones.
    pub(crate) fn repeats(&self) -> bool {
        !self.column.entry_offsets.is_empty() || !self.uncertain.is_empty()
    }

    /// Rows of which only the record can tell, in order; some may match for certain nonetheless.
    pub(crate) fn uncertain(&self) -> &[u32] {
        self.uncertain
    }

    /// Whether only the record can tell of a row.
    pub(crate) fn is_uncertain(&self, row: u32) -> bool {
        !self.uncertain.is_empty() && self.uncertain.binary_search(&row).is_ok()
    }

    #[inline]
    fn holds(&self, ordinal: u32) -> bool {
        ordinal.wrapping_sub(self.low) < self.width
            && (self.ranges.len() == 1 || self.is_in_ranges(ordinal))
    }

    fn is_in_ranges(&self, ordinal: u32) -> bool {
        let after = self.ranges.partition_point(|range| range.end <= ordinal);
        let range = self.ranges.get(after);
        range.is_some_and(|range| range.start <= ordinal)
    }

    fn is_near(&self, near: &Near<'_>, at: usize) -> bool {
        let place = self.column.place(at);
        place.is_some_and(|place| {
            (place.lat - near.centre.lat).abs() <= near.degrees
                && near.centre.distance_km(&place) <= near.km
        })
    }

    /// Rows with long texts are uncertain if some may match.
    fn may_match_long(&mut self, may: bool) {
        if may {
            self.uncertain = self.column.marked(Mark::Long);
        }
    }
}
