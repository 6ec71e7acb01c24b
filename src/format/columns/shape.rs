//! The counts of a column.

use super::array::{ARRAYS, Array};
use super::mark::MARKS;
use crate::filter::FieldKinds;
use bincode::{Decode, Encode};

/// The counts that give every array of a column its length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(super) struct Shape {
    /// The path.
    pub(super) path: String,
    /// Booleans in the dictionary: 1 for `false`, 2 for `true`, 3 for both.
    pub(super) booleans: u32,
    /// Numbers in the dictionary.
    pub(super) numbers: u32,
    /// Whether one of them is not a float, so that all have rests.
    pub(super) rests: bool,
    /// Texts in the dictionary.
    pub(super) texts: u32,
    /// Length of these texts, in bytes.
    pub(super) text_bytes: u32,
    /// Postings of the dictionary: occurrences of all of its terms.
    pub(super) postings: u32,
    /// Rows with a text that is too long for the dictionary.
    pub(super) long: u32,
    /// Rows with a place.
    pub(super) places: u32,
    /// Rows with an empty list.
    pub(super) empty: u32,
    /// Rows with a list of too many numbers for the dictionary.
    pub(super) number_lists: u32,
    /// Rows that have the field.
    pub(super) present: u32,
    /// Whether a row has a list.
    pub(super) lists: bool,
}

impl Shape {
    /// Terms in the dictionary.
    pub(super) fn terms(&self) -> u64 {
        u64::from(self.booleans.count_ones()) + u64::from(self.numbers) + u64::from(self.texts)
    }

    /// Postings of terms and marks.
    pub(super) fn all_postings(&self) -> u64 {
        u64::from(self.postings)
            + self
                .marks()
                .iter()
                .map(|rows| u64::from(*rows))
                .sum::<u64>()
    }

    /// Rows with each mark, in the order of marks.
    pub(super) fn marks(&self) -> [u32; MARKS as usize] {
        [self.long, self.places, self.empty, self.number_lists]
    }

    /// Whether each term has exactly one row, so that postings need no offsets.
    pub(super) fn is_unique(&self) -> bool {
        u64::from(self.postings) == self.terms()
    }

    /// Whether a row has more than one entry.
    pub(super) fn is_many(&self) -> bool {
        self.all_postings() > u64::from(self.present)
    }

    /// Whether every row has a slot: if more than a quarter of the rows have the field.
    pub(super) fn is_dense(&self, rows: u32) -> bool {
        u64::from(self.present) * 4 > u64::from(rows)
    }

    /// Number of slots for entries.
    pub(super) fn slots(&self, rows: u32) -> u64 {
        u64::from(if self.is_dense(rows) {
            rows
        } else {
            self.present
        })
    }

    /// The length of each array in bytes, in a segment of `rows` rows.
    pub(super) fn lengths(&self, rows: u32) -> [u64; ARRAYS] {
        let (places, slots) = (u64::from(self.places), self.slots(rows));
        let texts = u64::from(self.texts);
        let with_end = |count: u64, there: bool| if there { 4 * (count + 1) } else { 0 };
        let length = |array| match array {
            Array::Numbers => 8 * u64::from(self.numbers),
            Array::Rests if self.rests => 2 * u64::from(self.numbers),
            Array::Rests => 0,
            Array::Latitudes | Array::Longitudes => 8 * places,
            Array::TextOffsets => with_end(texts, texts > 0),
            Array::Texts => u64::from(self.text_bytes),
            Array::PostingOffsets => with_end(self.terms(), !self.is_unique()),
            Array::Postings => 4 * self.all_postings(),
            Array::SlotRows if self.is_dense(rows) => 0,
            Array::SlotRows => 4 * slots,
            Array::EntryOffsets => with_end(slots, self.is_many()),
            Array::Entries if self.is_many() => 4 * self.all_postings(),
            Array::Entries => 4 * slots,
            Array::ByLatitude => 4 * places,
        };
        Array::ALL.map(length)
    }

    /// The types of values in the column.
    pub(super) fn kinds(&self) -> FieldKinds {
        FieldKinds {
            booleans: self.booleans > 0,
            numbers: self.numbers > 0,
            texts: self.texts > 0 || self.long > 0,
            places: self.places > 0,
            lists: self.lists,
            number_lists: self.number_lists > 0,
            untyped: false,
        }
    }
}
