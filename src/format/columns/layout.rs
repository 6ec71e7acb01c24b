//! The columns in a file.

use super::array::{NO_ENTRY, padded};
use super::column::Column;
use super::limits::MAX_COLUMNS;
use super::mark::MARKS;
use super::table::{ARRAYS_NAME, COLUMN_TABLE, COLUMNS, TABLE_NAME, Table};
use crate::filter::{FieldKinds, is_within};
use crate::format::container::Sections;
use crate::format::error::FormatError;
use std::collections::BTreeSet;
use twinspire_core::wire::unpack;
use twinspire_towers::internals::MAX_PATH_BYTES;

/// The result of looking up the column of a path.
#[derive(Clone, Copy, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a view on the stack, one for each field of a filter"
)]
pub(crate) enum Lookup<'a> {
    /// No row has the field.
    Absent,
    /// Nothing: the records must be tested.
    Unindexed,
    /// The column of the field.
    Column(Column<'a>),
}

/// The ranges of the columns of a segment.
#[derive(Debug, Default)]
pub(crate) struct ColumnsLayout {
    pub(super) table: Table,
    /// Offset in the file of the arrays of each column.
    starts: Vec<usize>,
    rows: u32,
}

impl ColumnsLayout {
    /// Reads the table and checks the length of every array. The arrays are not read.
    pub(crate) fn decode(
        bytes: &[u8],
        sections: &Sections,
        rows: u64,
    ) -> Result<Self, FormatError> {
        let bad = |what: &str| FormatError::bad(TABLE_NAME, what);
        let packed = sections.range(COLUMN_TABLE, TABLE_NAME)?;
        let table: Table = unpack(bytes.get(packed).unwrap_or_default())
            .map_err(|error| FormatError::bad(TABLE_NAME, error))?;
        let rows = u32::try_from(rows)
            .map_err(|_| bad("the segment has more rows than a column can number"))?;
        if !table.columns.is_sorted_by(|a, b| a.path < b.path) || table.columns.len() > MAX_COLUMNS
        {
            return Err(bad("paths are not unique and sorted, or too many"));
        }
        let data = sections.range(COLUMNS, ARRAYS_NAME)?;
        let (mut starts, mut at) = (Vec::with_capacity(table.columns.len()), 0);
        for shape in &table.columns {
            // At most twelve arrays of 2^36 bytes each, for at most 512 columns.
            let length: u64 = shape.lengths(rows).map(padded).iter().sum();
            let countable = shape.terms() + u64::from(MARKS) < u64::from(NO_ENTRY)
                && shape.all_postings() < u64::from(NO_ENTRY)
                && shape.booleans < 4;
            if !countable || at + length > data.len() as u64 {
                return Err(bad("counts contradict the columns"));
            }
            starts.push(data.start + at as usize);
            at += length;
        }
        if at != data.len() as u64 {
            return Err(bad("counts contradict the columns"));
        }
        Ok(Self {
            table,
            starts,
            rows,
        })
    }

    /// The layout of arrays that begin at offset 0, and that were written with this table.
    pub(super) fn of_table(table: Table, rows: u32) -> Self {
        let mut at = 0;
        let starts = table.columns.iter().map(|shape| {
            let start = at;
            at += shape.lengths(rows).map(padded).iter().sum::<u64>() as usize;
            start
        });
        Self {
            starts: starts.collect(),
            table,
            rows,
        }
    }

    /// Looks up the column of a path.
    pub(crate) fn lookup<'a>(&'a self, bytes: &'a [u8], path: &str) -> Lookup<'a> {
        let columns = &self.table.columns;
        let found = columns.binary_search_by(|shape| shape.path.as_str().cmp(path));
        let parts = |at| Some((columns.get(at)?, self.starts.get(at)?));
        match found.ok().and_then(parts) {
            Some((shape, start)) => Lookup::Column(Column::new(bytes, *start, shape, self.rows)),
            None if is_within(&self.table.omitted, path) => Lookup::Unindexed,
            None if self.table.complete || path.len() > MAX_PATH_BYTES => Lookup::Absent,
            None => Lookup::Unindexed,
        }
    }

    /// The fields that have columns, in order of paths, with the types of their values.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, FieldKinds)> {
        let columns = self.table.columns.iter();
        columns.map(|shape| (shape.path.as_str(), shape.kinds()))
    }

    /// Paths that were kept out of filters when the segment was written.
    pub(crate) fn omitted(&self) -> &BTreeSet<String> {
        &self.table.omitted
    }

    /// Whether every field has a column, but those [omitted](Self::omitted).
    pub(crate) fn is_complete(&self) -> bool {
        self.table.complete
    }
}
