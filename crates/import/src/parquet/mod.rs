//! Parquet: one record per row, one field per column.
//!
//! Columns may be values, lists of values and groups, not lists of lists. Times become seconds since 1970; null
//! and NaN are absent fields. Files are read row group by row group, and nothing that they declare is trusted,
//! as for [vectors](crate::vectors::parquet()).
//!
//! `rows` turns rows into items, users and events; `records` assembles a row as a JSON object; `decode` checks a
//! file and hands it to the `parquet` crate.

pub(crate) mod decode;
mod records;
mod rows;

pub use rows::{Rows, events, items, items_from, users};
