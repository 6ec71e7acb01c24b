//! The limits of a definition.

/// The largest number of fields.
pub(super) const MAX_FIELDS: usize = 64;
/// The largest number of stop words.
pub(super) const MAX_STOP_WORDS: usize = 10_000;
/// The smallest boost of a field.
pub(super) const MIN_BOOST: f64 = 0.1;
/// The largest boost of a field.
pub(super) const MAX_BOOST: f64 = 100.0;
/// The largest k1.
pub(super) const MAX_K1: f64 = 100.0;
