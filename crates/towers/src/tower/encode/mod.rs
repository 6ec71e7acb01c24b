//! Raw features to table rows and numbers.
//!
//! - `record` reads all features of a record, `features` one of them.
//! - `strings` looks strings up in tables, `indices` only numbers them, `texts` cuts texts into grams, `tokens` into tokens,
//!   `numbers` reads numbers, points and times.
//! - `ages` counts the elements of a list from its newest one, repeated ones once if a feature wants that.
//! - [`Reading`] and [`FeatureCheck`] say how strictly; `encoder` holds what all of them share.
//!
//! Nothing is ignored silently, unless [`FeatureCheck`] says so. A field of the wrong type, a missing field
//! without a replacement, an unknown id without a row, and (for users) a field that no feature reads are errors.
//! Once an [`Encoder`] and an [`Encoded`](super::Encoded) have been used for a few records, reading allocates
//! nothing.

mod ages;
mod encoder;
mod features;
mod indices;
mod numbers;
mod reading;
mod record;
mod strings;
#[cfg(test)]
mod tests;
mod texts;
mod tokens;

pub(super) use encoder::Encoder;
pub use reading::{FeatureCheck, IDS_PER_LOOKUP, OtherReaders, Reading};
pub(super) use texts::Texts;
