//! Bounds of files and texts.

/// The largest `tokenizer.json` in bytes. Those of multilingual models have about 20 million.
pub(super) const MAX_FILE_BYTES: usize = 64 << 20;
/// The most tokens of a vocabulary.
pub(super) const MAX_VOCABULARY: usize = 1 << 20;
/// The largest id: an `f32` represents every integer up to it.
pub(super) const MAX_ID: u32 = 1 << 24;
/// Of a text, this many bytes are read for each token of the limit.
pub(super) const BYTES_PER_TOKEN: usize = 256;
