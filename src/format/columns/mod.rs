//! Columns of an items segment: the fields of its records, sorted so that a test of one field needs no
//! record.
//!
//! Each path that occurs in the records ([`Fields`](twinspire_towers::internals::Fields)) has a column:
//!
//! - The *dictionary* has each term once, sorted: booleans, numbers, texts. The index of a term is its
//!   *ordinal*, so a range of terms is a range of ordinals. Three [marks](mark::Mark) follow as if they
//!   were terms: a text too long for the dictionary, a place, an empty list.
//! - The *postings* are the rows of each ordinal, in order of ordinals. The rows of a range of ordinals are
//!   one slice, and two offsets tell their number.
//! - The *entries* are the ordinals of each row: one per row, unless lists add more.
//! - Places also have their degrees, and an order by latitude.
//!
//! A sparse field lists the rows that have it, instead of an entry for every row.
//!
//! Columns repeat the records. So they may leave out what would make them large: texts beyond
//! [`MAX_TEXT_BYTES`], paths beyond [`MAX_COLUMNS`], columns beyond the range of `u32`. They record
//! each omission, and a filter then tests the record itself. A damaged table of columns does not keep a segment from
//! opening: without it nothing is known by columns, and `check` reports it.
//!
//! The [table](table::Table) is section 9: packed, with a [shape](shape::Shape) per column, which gives each array
//! its length. The arrays are section 10, back to back in the order of [`Array`](array::Array), each aligned
//! to eight bytes. The records determine both to the last bit; a check rebuilds and compares them.
//!
//! Reading: `layout` finds the `column` of a path, and `matches` the rows that pass a test. Writing:
//! `builder` collects rows into a `column_builder` per path, by `interner` and `key`; `encode` writes the
//! arrays, to a file or to memory (`owned`).
//!
//! Out of scope: what a filter is, and in which order its tests are cheapest (`filter`, `recall`).
//! Cost: opening reads the table; a test is a few steps of a binary search in a dictionary.

mod array;
mod builder;
mod check;
mod column;
mod column_builder;
mod encode;
mod interner;
mod key;
mod layout;
mod limits;
mod mark;
mod matches;
mod owned;
mod shape;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use builder::ColumnsBuilder;
pub(crate) use check::{check, is_about_columns};
pub(crate) use column::Column;
pub(crate) use layout::{ColumnsLayout, Lookup};
#[cfg(test)]
pub(crate) use limits::{MAX_COLUMNS, MAX_TEXT_BYTES};
pub(crate) use matches::Matches;
pub(crate) use owned::OwnedColumns;
pub(crate) use table::{COLUMN_TABLE, COLUMNS};
