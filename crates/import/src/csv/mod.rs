//! CSV with a header row.
//!
//! The type of a column is read off all its cells, and only where nothing is lost: `12` is an integer, `12.50` and
//! `1e-05` are numbers, `True` is a boolean, `2024-08-04 10:00:00` a moment, in seconds since 1970; an empty cell is an
//! absent field. A column with any other cell is text: `007`, `+1` and `1e5` are more often codes than
//! numbers. A file is read twice for this; of a reader the first 16 MiB tell. Columns that are text by their
//! nature ([`TEXT_COLUMNS`]) are never converted, so that a film called `1984` keeps its title;
//! [`ReadOptions::text`](crate::ReadOptions::text) names more of them. Where a file has quotes around text alone,
//! numbers in quotes are text.
//!
//! The delimiter is detected in the header, or given. `scan` cuts text into cells, `rows` reads the header and goes from
//! row to row, `kinds` tells the types of columns, and `records` turns rows into items, users and events.

mod kinds;
mod records;
mod rows;
mod scan;
#[cfg(test)]
mod tests;

pub use records::{TEXT_COLUMNS, events, events_from, items, items_from, users, users_from};
pub(crate) use records::{events_of, films_of, items_of, users_of};
pub use rows::Rows;
