//! Limits of an ensemble.

/// Maximum number of spaces, stages or channels.
pub(super) const MAX_SPACES: usize = 32;
/// Maximum length of a list, a stage or a quota.
pub(super) const MAX_DEPTH: u32 = 100_000;
/// Maximum depth of the diversity re-rank.
pub(super) const MAX_DIVERSITY_DEPTH: u32 = 1000;
/// Maximum exponent of a business weight.
pub(super) const MAX_EXPONENT: f64 = 16.0;
