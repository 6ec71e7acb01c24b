//! Vectors from Parquet: a column of ids and a column of lists.
//!
//! `schema` finds the two columns, `column` reads them side by side within a row group, a page of each at a time,
//! and `rows` goes from row group to row group. Decoding is shared with the reader of records
//! (`crate::parquet::decode`).

mod column;
mod rows;
mod schema;

use crate::parquet::decode::MAX_LIST_LENGTH;
use crate::vectors::row::MAX_DIMENSION;

pub(super) use rows::Rows;

const _: () = assert!(
    MAX_LIST_LENGTH >= MAX_DIMENSION,
    "every vector that is accepted can be decoded"
);
