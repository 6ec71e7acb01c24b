//! Parquet: one record per row, one field per column, by the table of [`arrow`](crate::arrow).
//!
//! Files are read row group by row group, and nothing that they declare is trusted, as for
//! [vectors](crate::vectors::parquet()). A row group that cannot be decoded is one error for all its rows, and the next
//! one is read.
//!
//! `rows` opens files of items, users and events; `groups` gives their record batches; `schema` plans how columns are
//! decoded; `decode` checks a file before the `parquet` crate decodes it.

pub(crate) mod decode;
pub(crate) mod groups;
mod rows;
mod schema;

pub use crate::arrow::Rows;
pub use rows::{events, items, items_from, users};
