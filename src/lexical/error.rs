//! Errors of an invalid lexical space.

use super::limits::{MAX_BOOST, MAX_FIELDS, MAX_K1, MAX_STOP_WORDS, MIN_BOOST};
use thiserror::Error;
use twinspire_towers::internals::MAX_PATH_BYTES;

/// Why a lexical space cannot be defined.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum LexicalError {
    /// No fields, or too many.
    #[error("it has {found} fields; give 1 to {MAX_FIELDS}")]
    Fields {
        /// The number found.
        found: usize,
    },
    /// A path of a field that is empty or too long.
    #[error("the path of a field has {bytes} bytes; it must have 1 to {MAX_PATH_BYTES}")]
    Path {
        /// Its length in bytes.
        bytes: usize,
    },
    /// A boost out of range.
    #[error("the boost of field {field:?} is {boost}; it must be {MIN_BOOST} to {MAX_BOOST}")]
    Boost {
        /// The field.
        field: String,
        /// Its boost.
        boost: f64,
    },
    /// A saturation out of range.
    #[error("k1 is {k1}; it must be 0 to {MAX_K1}")]
    K1 {
        /// The parameter.
        k1: f64,
    },
    /// A length normalisation out of range.
    #[error("b is {b}; it must be 0 to 1")]
    B {
        /// The parameter.
        b: f64,
    },
    /// Too many stop words.
    #[error("it has {found} stop words; give at most {MAX_STOP_WORDS}")]
    StopWords {
        /// The number found.
        found: usize,
    },
}
