//! Columns of an items segment: what the fields of its records hold, sorted so that a test of one
//! field is answered without reading records.
//!
//! Each path that occurs in the records ([`Fields`](twinspire_towers::internals::Fields)) has a column:
//!
//! - The *dictionary* has each term once, in order: booleans, numbers, texts. A term's place in it is
//!   its *ordinal*, so that a range of terms is a range of ordinals. Three marks follow as if they
//!   were terms: a text too long for the dictionary, a place, a list without terms.
//! - The *postings* are the rows of each ordinal, in order of ordinals: those of a range of ordinals
//!   lie together, and how many they are is known from two offsets.
//! - The *entries* are the ordinals of each row, one a row unless lists make them more.
//! - Places also have their degrees, and an order by latitude.
//!
//! A field that few rows have says which rows these are, instead of keeping an entry for all.
//!
//! Columns repeat what the records say. So they may leave out what would make them large: texts beyond
//! [`MAX_TEXT_BYTES`], paths beyond [`MAX_COLUMNS`], columns beyond the range of `u32`. They say that
//! they did, and then the record itself has to be asked. What is wrong with the table of columns is no
//! reason not to open a segment: without it nothing is known by columns, and `check` tells.
//!
//! The table of columns ([`Table`]) is section 9: packed, a [`Shape`] a column, which gives each array
//! its length. The arrays are section 10, back to back in the order of [`Array`], each at a multiple
//! of eight bytes. Both are determined by the records to the last bit, and checked by making them anew.
//!
//! Out of scope: what a filter is, and in which order its tests are best asked (`filter`, `recall`).
//! Cost: opening reads the table; a test, a few steps of a binary search in a dictionary.

mod build;
mod column;
mod encode;
mod interner;
#[cfg(test)]
mod tests;

pub(crate) use build::ColumnsBuilder;
pub(crate) use column::{Column, Matches};

use super::FormatError;
use super::container::Sections;
use crate::filter::FieldKinds;
use bincode::{Decode, Encode};
use std::ops::Range;
use twinspire_core::wire::{pack, unpack};
use twinspire_towers::internals::MAX_PATH_BYTES;

/// The section of the table.
pub(crate) const COLUMN_TABLE: u32 = 9;
/// The section of the arrays.
pub(crate) const COLUMNS: u32 = 10;

/// What errors call them.
const TABLE_NAME: &str = "column table";
const ARRAYS_NAME: &str = "columns";

/// The most columns of a segment: those of the paths that come first.
pub(crate) const MAX_COLUMNS: usize = 512;
/// The longest text in a dictionary.
pub(crate) const MAX_TEXT_BYTES: usize = 256;

/// Arrays begin at multiples of this.
const ALIGNMENT: usize = 8;
/// The entry of a row that does not have the field.
const NONE: u32 = u32::MAX;
/// How many marks there are.
const MARKS: u32 = 3;

/// What a row can have besides terms of the dictionary; their ordinals follow those of the terms.
#[derive(Clone, Copy, Debug)]
enum Mark {
    /// A text that is too long for the dictionary.
    Long,
    /// A place.
    Place,
    /// A list without terms.
    Empty,
}

/// The arrays of a column, in order.
#[derive(Clone, Copy, Debug)]
enum Array {
    /// f64 a number of the dictionary.
    Numbers,
    /// f64 a place, in order of rows: degrees north.
    Latitudes,
    /// f64 a place: degrees east.
    Longitudes,
    /// u32 a text of the dictionary and one more, if there is any.
    TextOffsets,
    /// The texts, back to back.
    Texts,
    /// u32 a term and one more, into the postings; nothing if each term has one row.
    PostingOffsets,
    /// u32 a posting: its row.
    Postings,
    /// u32 a row that has the field: its number; nothing if there is a slot for every row.
    SlotRows,
    /// u32 a slot and one more, into the entries; nothing if each row has one entry at most.
    EntryOffsets,
    /// u32 a posting: its ordinal, in order of slots; or one a slot.
    Entries,
    /// u32 a place: places in order of latitude.
    ByLatitude,
}

/// How many arrays a column has.
const ARRAYS: usize = Array::ALL.len();

impl Array {
    /// All of them, in order.
    const ALL: [Self; 11] = [
        Self::Numbers,
        Self::Latitudes,
        Self::Longitudes,
        Self::TextOffsets,
        Self::Texts,
        Self::PostingOffsets,
        Self::Postings,
        Self::SlotRows,
        Self::EntryOffsets,
        Self::Entries,
        Self::ByLatitude,
    ];
}

/// What there is of columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Table {
    /// Whether every path that occurs has a column.
    complete: bool,
    /// The columns, in order of their paths.
    columns: Vec<Shape>,
}

impl Table {
    /// The bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        pack(self).map_err(|error| FormatError::bad(TABLE_NAME, error))
    }
}

/// The counts that give every array of a column its length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
struct Shape {
    /// The path.
    path: String,
    /// Booleans in the dictionary: 1 for `false`, 2 for `true`, 3 for both.
    booleans: u32,
    /// Numbers in the dictionary.
    numbers: u32,
    /// Texts in the dictionary.
    texts: u32,
    /// Their bytes.
    text_bytes: u32,
    /// Postings of the dictionary: how often each of its terms occurs, together.
    postings: u32,
    /// Rows with a text that is too long for the dictionary.
    long: u32,
    /// Rows with a place.
    places: u32,
    /// Rows with a list without terms.
    empty: u32,
    /// Rows that have the field.
    present: u32,
    /// Whether a row has a list.
    lists: bool,
}

impl Shape {
    /// Terms in the dictionary.
    fn terms(&self) -> u64 {
        u64::from(self.booleans.count_ones()) + u64::from(self.numbers) + u64::from(self.texts)
    }

    /// Postings, those of the marks among them.
    fn all_postings(&self) -> u64 {
        let marks = [self.long, self.places, self.empty].map(u64::from);
        u64::from(self.postings) + marks.iter().sum::<u64>()
    }

    /// Whether each term has exactly one row, which then needs no offset.
    fn is_unique(&self) -> bool {
        u64::from(self.postings) == self.terms()
    }

    /// Whether a row has more than one entry.
    fn is_many(&self) -> bool {
        self.all_postings() > u64::from(self.present)
    }

    /// Whether every row has a slot: where more than a quarter of them has the field.
    fn is_dense(&self, rows: u32) -> bool {
        u64::from(self.present) * 4 > u64::from(rows)
    }

    /// Slots for entries.
    fn slots(&self, rows: u32) -> u64 {
        u64::from(if self.is_dense(rows) {
            rows
        } else {
            self.present
        })
    }

    /// Bytes of each array, in a segment of so many rows.
    fn lengths(&self, rows: u32) -> [u64; ARRAYS] {
        let (places, slots) = (u64::from(self.places), self.slots(rows));
        let texts = u64::from(self.texts);
        let with_end = |count: u64, there: bool| if there { 4 * (count + 1) } else { 0 };
        let length = |array| match array {
            Array::Numbers => 8 * u64::from(self.numbers),
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

    /// What occurs in the column.
    fn kinds(&self) -> FieldKinds {
        FieldKinds {
            booleans: self.booleans > 0,
            numbers: self.numbers > 0,
            texts: self.texts > 0 || self.long > 0,
            places: self.places > 0,
            lists: self.lists,
        }
    }
}

/// What is known of a path by columns.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lookup<'a> {
    /// No row has the field.
    Absent,
    /// Nothing: the records have to be asked.
    Unindexed,
    /// What the rows have there.
    Column(Column<'a>),
}

/// Where the columns of a segment lie.
#[derive(Debug, Default)]
pub(crate) struct ColumnsLayout {
    table: Table,
    /// Where the arrays of each column begin in the file.
    starts: Vec<usize>,
    rows: u32,
}

impl ColumnsLayout {
    /// Reads the table and checks that every array has its length; the arrays are not read.
    pub(crate) fn decode(
        bytes: &[u8],
        sections: &Sections,
        rows: u64,
    ) -> Result<Self, FormatError> {
        let bad = |what: &str| FormatError::bad(TABLE_NAME, what);
        let packed = sections.range(COLUMN_TABLE, TABLE_NAME)?;
        let table: Table = unpack(bytes.get(packed).unwrap_or_default())
            .map_err(|error| FormatError::bad(TABLE_NAME, error))?;
        let rows = u32::try_from(rows).map_err(|_| bad("there are more rows than items"))?;
        if !table.columns.is_sorted_by(|a, b| a.path < b.path) || table.columns.len() > MAX_COLUMNS
        {
            return Err(bad("paths are not unique and sorted, or too many"));
        }
        let data = sections.range(COLUMNS, ARRAYS_NAME)?;
        let (mut starts, mut at) = (Vec::with_capacity(table.columns.len()), 0);
        for shape in &table.columns {
            // At most eleven arrays of 2^36 bytes each, for at most 512 columns.
            let length: u64 = shape.lengths(rows).map(padded).iter().sum();
            let countable = shape.terms() + u64::from(MARKS) < u64::from(NONE)
                && shape.all_postings() < u64::from(NONE)
                && shape.booleans < 4;
            if !countable || at + length > data.len() as u64 {
                return Err(bad("counts do not fit the columns"));
            }
            starts.push(data.start + at as usize);
            at += length;
        }
        if at != data.len() as u64 {
            return Err(bad("counts do not fit the columns"));
        }
        Ok(Self {
            table,
            starts,
            rows,
        })
    }

    /// What is known of a path.
    pub(crate) fn lookup<'a>(&'a self, bytes: &'a [u8], path: &str) -> Lookup<'a> {
        let columns = &self.table.columns;
        let found = columns.binary_search_by(|shape| shape.path.as_str().cmp(path));
        let parts = |at| Some((columns.get(at)?, self.starts.get(at)?));
        match found.ok().and_then(parts) {
            Some((shape, start)) => Lookup::Column(Column::new(bytes, *start, shape, self.rows)),
            None if self.table.complete || path.len() > MAX_PATH_BYTES => Lookup::Absent,
            None => Lookup::Unindexed,
        }
    }

    /// The fields that have columns, in order of paths, and what occurs in them.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, FieldKinds)> {
        let columns = self.table.columns.iter();
        columns.map(|shape| (shape.path.as_str(), shape.kinds()))
    }

    /// Whether there are no other fields than those.
    #[cfg(test)]
    fn is_complete(&self) -> bool {
        self.table.complete
    }
}

/// Compares the columns in a file with those that its rows give.
pub(crate) fn check(
    bytes: &[u8],
    sections: &Sections,
    built: ColumnsBuilder,
) -> Result<(), FormatError> {
    let part = |range: Range<usize>| bytes.get(range).unwrap_or_default();
    let mut left = part(sections.range(COLUMNS, ARRAYS_NAME)?);
    let differs = || FormatError::bad(ARRAYS_NAME, "are not those of the records");
    let table = built.finish(|due| {
        left = left.strip_prefix(due).ok_or_else(differs)?;
        Ok(())
    })?;
    if !left.is_empty() {
        return Err(differs());
    }
    if table.encode()? != part(sections.range(COLUMN_TABLE, TABLE_NAME)?) {
        let what = "does not describe the columns of the records";
        return Err(FormatError::bad(TABLE_NAME, what));
    }
    Ok(())
}

/// Whether only columns are wrong, which can be made anew.
pub(crate) fn is_about_columns(problem: &FormatError) -> bool {
    [TABLE_NAME, ARRAYS_NAME].contains(&problem.section)
}

/// The bytes of an array with those that fill it up.
fn padded(length: u64) -> u64 {
    length.next_multiple_of(ALIGNMENT as u64)
}
