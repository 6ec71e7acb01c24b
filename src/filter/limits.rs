//! Limits of a filter.

/// Maximum length of the text of a filter, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 1 << 20;
/// Maximum nesting depth.
pub(super) const MAX_DEPTH: usize = 100;
/// Maximum number of fields that are listed as known. Beyond it, any field may exist.
pub(super) const MAX_KNOWN_FIELDS: usize = 1024;
/// Maximum number of different numbers of a list that is indexed. Longer lists are embeddings and the like: an
/// index would be many times as large as they are, and nobody filters by them.
pub(crate) const MAX_LIST_NUMBERS: usize = 32;
/// Maximum length of a list of literals.
pub(super) const MAX_LIST: usize = 10_000;

/// The message of a filter that nests too deep.
pub(super) const TOO_DEEP: &str = "the filter nests deeper than 100 levels; flatten it";
