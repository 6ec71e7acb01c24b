//! A column, read in place.

use super::array::{ARRAYS, Array, padded};
use super::mark::Mark;
use super::shape::Shape;
use crate::filter::FieldKinds;
use crate::format::dense::{guess_dense, search_dense};
use std::ops::{Bound, Range};
use twinspire_core::kernel::prefetch;
use twinspire_towers::internals::{Number, Place, Term};

/// A column of a segment, read in place. Its numbers are checked when they are used: a damaged column may
/// miss rows or name wrong ones, nothing worse.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column<'a> {
    shape: &'a Shape,
    /// Terms in the dictionary, which is also the ordinal of the first mark.
    pub(super) terms: u32,
    numbers: &'a [f64],
    rests: &'a [i16],
    pub(super) latitudes: &'a [f64],
    longitudes: &'a [f64],
    text_offsets: &'a [u32],
    texts: &'a [u8],
    posting_offsets: &'a [u32],
    postings: &'a [u32],
    slot_rows: &'a [u32],
    entry_offsets: &'a [u32],
    entries: &'a [u32],
    pub(super) by_latitude: &'a [u32],
}

impl<'a> Column<'a> {
    /// The column whose arrays begin at `start`.
    pub(super) fn new(bytes: &'a [u8], start: usize, shape: &'a Shape, rows: u32) -> Self {
        let lengths = shape.lengths(rows);
        let mut parts: [&[u8]; ARRAYS] = [&[]; ARRAYS];
        let mut at = start;
        for (part, length) in parts.iter_mut().zip(lengths) {
            // The table was checked: all arrays are inside the file.
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
            rests: bytemuck::try_cast_slice(part(Array::Rests)).unwrap_or_default(),
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

    /// The types of values in it.
    pub(crate) fn kinds(self) -> FieldKinds {
        self.shape.kinds()
    }

    /// Whether a row may have several entries.
    pub(super) fn has_many_entries(self) -> bool {
        !self.entry_offsets.is_empty()
    }

    /// Whether a row has numbers that are not in the dictionary.
    pub(crate) fn lacks_numbers(self) -> bool {
        self.shape.number_lists > 0
    }

    /// The largest number of a row, as the nearest float.
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
        // The largest number that too many rows reach: about `count` rows exceed it.
        let at = from.checked_sub(1)?.checked_sub(ordinals.start)?;
        self.numbers.get(at as usize).copied()
    }

    /// The ordinals between two bounds, and the mark of rows that may have other terms there.
    pub(super) fn between(
        &self,
        low: &Bound<Term>,
        high: &Bound<Term>,
    ) -> (Range<u32>, Option<Mark>) {
        let of = |bound: &'_ Bound<Term>| match bound {
            Bound::Included(term) | Bound::Excluded(term) => Some(Kind::of(term)),
            Bound::Unbounded => None,
        };
        let kind = match (of(low), of(high)) {
            (None, None) => return (0..self.terms, None),
            (Some(low), Some(high)) if low != high => return (0..0, None),
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
        (from..to, kind.mark())
    }

    /// The ordinals of a type.
    fn kind(&self, kind: Kind) -> Range<u32> {
        let booleans = self.shape.booleans.count_ones();
        let numbers = booleans.saturating_add(self.shape.numbers);
        match kind {
            Kind::Bool => 0..booleans,
            Kind::Number => booleans..numbers,
            Kind::Text => numbers..self.terms,
        }
    }

    /// The ordinal of the first term of this type that is not below `term`; with `after`, that is above it.
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
                partition_point(self.numbers.len(), |at| before(self.number(at).cmp(number)))
            }
            Term::Text(text) => partition_point(self.shape.texts as usize, |at| {
                before(self.text(at).cmp(text.as_bytes()))
            }),
        };
        start + below as u32
    }

    /// The ordinal of a term.
    pub(super) fn find(&self, term: &Term) -> Option<u32> {
        let at = self.rank(term, false);
        (self.rank(term, true) > at).then_some(at)
    }

    /// Number `at` of the dictionary.
    fn number(&self, at: usize) -> Number {
        let nearest = self.numbers.get(at).copied().unwrap_or_default();
        Number::new(nearest, self.rests.get(at).copied().unwrap_or_default())
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

    /// The start of the postings of an ordinal.
    fn postings_start(&self, ordinal: u32) -> usize {
        let shape = self.shape;
        match ordinal.checked_sub(self.terms) {
            None if shape.is_unique() => ordinal as usize,
            None => {
                let start = self.posting_offsets.get(ordinal as usize);
                start.copied().unwrap_or_default() as usize
            }
            Some(mark) => {
                let before = shape.marks().into_iter().take(mark as usize);
                shape.postings as usize + before.map(|count| count as usize).sum::<usize>()
            }
        }
    }

    /// The rows of a range of ordinals.
    pub(super) fn rows_of(&self, range: &Range<u32>) -> &'a [u32] {
        let rows = self.postings_start(range.start)..self.postings_start(range.end);
        self.postings.get(rows).unwrap_or_default()
    }

    /// The rows with a mark, in order.
    pub(super) fn marked(&self, mark: Mark) -> &'a [u32] {
        let ordinal = self.ordinal(mark);
        self.rows_of(&(ordinal..ordinal.saturating_add(1)))
    }

    /// The ordinal of a mark.
    pub(super) fn ordinal(&self, mark: Mark) -> u32 {
        self.terms.saturating_add(mark as u32)
    }

    /// The ordinals of a row.
    #[inline]
    pub(super) fn entries_of(&self, row: u32) -> &'a [u32] {
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

    /// Prefetches what [`entries_of`](Self::entries_of) reads first.
    pub(super) fn prefetch(&self, row: u32) {
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
    pub(super) fn place(&self, at: usize) -> Option<Place> {
        let (lat, lon) = (*self.latitudes.get(at)?, *self.longitudes.get(at)?);
        Some(Place { lat, lon })
    }
}

/// The first of `count` places that `before` does not hold for; it holds for all places before that one.
fn partition_point(count: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut from, mut to) = (0, count);
    while from < to {
        let middle = from + (to - from) / 2;
        if before(middle) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}

/// The type of a term.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Number,
    Text,
}

impl Kind {
    /// The mark of rows with terms of this type that are not in the dictionary.
    fn mark(self) -> Option<Mark> {
        match self {
            Self::Bool => None,
            Self::Number => Some(Mark::Numbers),
            Self::Text => Some(Mark::Long),
        }
    }

    fn of(term: &Term) -> Self {
        match term {
            Term::Bool(_) => Self::Bool,
            Term::Number(_) => Self::Number,
            Term::Text(_) => Self::Text,
        }
    }
}
