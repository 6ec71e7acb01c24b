//! Why no feature is derived from a column.

use thiserror::Error;

/// Why a column is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unread {
    /// All values are null or empty.
    #[error("it has no values")]
    Empty,
    /// All values are the same.
    #[error("all values are the same")]
    Constant,
    /// Values are of several types.
    #[error("its values are of several types")]
    Mixed,
    /// The mean or the deviation is no finite number.
    #[error("its numbers are too large")]
    Overflow,
    /// Nearly every record has a value of its own.
    #[error(
        "{found} distinct values, nearly one per record; a kind such as `text` or `id` reads it"
    )]
    Distinct {
        /// Number of distinct values.
        found: usize,
    },
    /// There are too many categories.
    #[error("{found} distinct values are too many for categories; the kind `id` reads it")]
    TooMany {
        /// Number of distinct values.
        found: usize,
    },
    /// Lists of numbers with fractions, without a length that nearly all of them have.
    #[error(
        "lists of numbers of several lengths; the kind `vector` with its `dimension` reads those of one"
    )]
    Floats,
    /// Objects, or lists of them.
    #[error("objects or nested lists; put their members into columns of their own")]
    Nested,
    /// A setting drops it, or the recipe does not read such columns.
    #[error("the settings or the recipe leave it out")]
    LeftOut,
}
