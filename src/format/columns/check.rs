//! The check of stored columns against the records.

use super::builder::ColumnsBuilder;
use super::table::{ARRAYS_NAME, COLUMN_TABLE, COLUMNS, TABLE_NAME};
use crate::format::container::Sections;
use crate::format::error::FormatError;
use std::ops::Range;

/// Compares the columns in a file with those built from its rows.
pub(crate) fn check(
    bytes: &[u8],
    sections: &Sections,
    built: ColumnsBuilder,
) -> Result<(), FormatError> {
    let part = |range: Range<usize>| bytes.get(range).unwrap_or_default();
    let mut left = part(sections.range(COLUMNS, ARRAYS_NAME)?);
    let differs = || FormatError::bad(ARRAYS_NAME, "differ from the records");
    let table = built.finish(|expected| {
        left = left.strip_prefix(expected).ok_or_else(differs)?;
        Ok(())
    })?;
    if !left.is_empty() {
        return Err(differs());
    }
    if table.encode()? != part(sections.range(COLUMN_TABLE, TABLE_NAME)?) {
        let what = "differs from the columns of the records";
        return Err(FormatError::bad(TABLE_NAME, what));
    }
    Ok(())
}

/// Whether the problem is in the columns only, which can be rebuilt from the records.
pub(crate) fn is_about_columns(problem: &FormatError) -> bool {
    [TABLE_NAME, ARRAYS_NAME].contains(&problem.section)
}
