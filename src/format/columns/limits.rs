//! Limits of columns.

/// Maximum number of columns of a segment: those of the paths that come first.
pub(crate) const MAX_COLUMNS: usize = 512;
/// Maximum length of a text in a dictionary, in bytes.
pub(crate) const MAX_TEXT_BYTES: usize = 256;
