//! CSV with a header row.
//!
//! The type of a value is read off its cell, and only where nothing is lost. `12` is an integer and `12.50` a
//! float; `true` and `false` are booleans; an empty cell is an absent field. `007`, `+1`, `1e5` and `NaN` stay
//! strings, for they are more often codes than numbers. Columns that are text by their nature
//! ([`TEXT_COLUMNS`] and all that end in `_id`) are never converted, so that a film called `1984` keeps its
//! title; [`CsvOptions::text`] names more of them.
//!
//! `options` says how a file is written, `rows` reads it row by row, `cells` converts a cell, and `records`
//! turns rows into items, users and events.

mod cells;
mod options;
mod records;
mod rows;
#[cfg(test)]
mod tests;

pub use options::{CsvOptions, TEXT_COLUMNS};
pub use records::{events, events_from, items, items_from, users, users_from};
pub use rows::Rows;
