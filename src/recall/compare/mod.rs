//! Comparison of two answers: what they share, and which items moved.
//!
//! [`Comparison`] compares two answers to one query and [`ComparisonSummary`] many such pairs. Both are
//! printed as a [table].

mod comparison;
mod rbo;
mod summary;
mod table;
#[cfg(test)]
mod tests;

pub use comparison::{ComparedItem, ComparedRank, Comparison};
pub use summary::{ComparisonSummary, RankChange};
