//! The version of the format.

/// The format version that this build writes, and the only one that it reads.
pub const FORMAT_VERSION: u32 = 1;
