//! The table of columns.

use super::shape::Shape;
use crate::format::error::FormatError;
use bincode::{Decode, Encode};
use std::collections::BTreeSet;
use twinspire_core::wire::pack;

/// The section of the table.
pub(crate) const COLUMN_TABLE: u32 = 9;
/// The section of the arrays.
pub(crate) const COLUMNS: u32 = 10;

/// The name of the table in errors.
pub(super) const TABLE_NAME: &str = "column table";
/// The name of the arrays in errors.
pub(super) const ARRAYS_NAME: &str = "columns";

/// The columns of a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Table {
    /// Whether every path that occurs has a column.
    pub(super) complete: bool,
    /// The columns, in order of their paths.
    pub(super) columns: Vec<Shape>,
    /// Paths that were kept out of filters when the segment was written. They and their members have no
    /// columns.
    pub(super) omitted: BTreeSet<String>,
}

impl Table {
    /// The packed table.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, FormatError> {
        pack(self).map_err(|error| FormatError::bad(TABLE_NAME, error))
    }
}
