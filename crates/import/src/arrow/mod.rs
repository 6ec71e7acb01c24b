//! Records from Arrow record batches: one record per row, one field per column.
//!
//! Parquet files are read through this, and so is anything else that gives record batches. The same rule holds for
//! values of a column and for values inside lists, structs and maps:
//!
//! | Arrow | JSON |
//! |---|---|
//! | boolean | boolean |
//! | integers of 8 to 64 bits, signed or not | integer |
//! | floats of 16, 32, 64 bits | number, a 32-bit one by its own digits (0.1); NaN and infinities are absent |
//! | decimal without a fraction | integer within 64 bits, beyond that text |
//! | decimal with a fraction | the nearest 64-bit float |
//! | text, large text, text views; JSON, enums | text |
//! | binary (also large, fixed-size, views) | text, if it is UTF-8; else the row is bad |
//! | UUID | text: `00112233-4455-6677-8899-aabbccddeeff` |
//! | date, timestamp (in any unit; without a zone it is UTC) | seconds since 1970, an integer where nothing is lost |
//! | time of day | seconds since midnight |
//! | duration | seconds |
//! | interval | text as in ISO 8601: `P1M2DT3.5S` |
//! | dictionary, run-end encoded | its values |
//! | list of any kind | list; nulls in it stay |
//! | struct | object |
//! | map from text, integers or booleans | object |
//! | union | the value of its member |
//! | null | the field is absent |
//!
//! `cells` converts values by this table, with the marks of `extension`; `select` finds the columns that are read, `rows` goes from batch to batch.

mod cells;
mod extension;
mod rows;
mod select;

#[cfg(feature = "parquet")]
pub(crate) use cells::{Budget, cells};
#[cfg(feature = "parquet")]
pub(crate) use extension::{EXTENSION, UUID};
#[cfg(feature = "parquet")]
pub(crate) use rows::{Batches, Part};
pub use rows::{Rows, events_from, items_from, records_from, users_from};
#[cfg(feature = "parquet")]
pub(crate) use select::Kind;
