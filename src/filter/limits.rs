//! Limits of a filter.

/// Maximum length of the text of a filter, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;
/// Maximum nesting depth.
pub(super) const MAX_DEPTH: usize = 100;
/// Maximum length of a list of literals.
pub(super) const MAX_LIST: usize = 10_000;

/// The message of a filter that nests too deep.
pub(super) const TOO_DEEP: &str = "the filter nests deeper than 100 levels; flatten it";
