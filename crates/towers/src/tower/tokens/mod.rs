//! Texts to tokens, as `tokenizer.json` says: the file that encoders are published with.
//!
//! - `file` reads the JSON: which steps there are, and the vocabulary.
//! - [`Tokenizer`] runs the steps: `added` finds tokens that are written out in a text, `normalise` rewrites the text,
//!   `split` cuts it into words, `word_piece`, `unigram` and `byte_pair` cut words into tokens, `template` surrounds
//!   them.
//! - Without the crate feature `tokens` it comes from `absent`, which refuses every file and names the feature.
//!
//! This is a reader of its own rather than the crate `tokenizers`, for three reasons. That crate brings 75 others,
//! for training too. It panics on some files, and stops silently where a regular expression runs out of steps. And it
//! has no bounds. Here every file and every text is bounded (`limits`), no step is a
//! regular expression, and a step that is not known is an error that names it. Ids equal those of the crate.

#![warn(clippy::indexing_slicing)]

#[cfg(not(feature = "tokens"))]
mod absent;
#[cfg(feature = "tokens")]
mod added;
#[cfg(feature = "tokens")]
mod byte_pair;
#[cfg(feature = "tokens")]
mod fault;
#[cfg(feature = "tokens")]
mod file;
#[cfg(feature = "tokens")]
mod limits;
#[cfg(feature = "tokens")]
mod normalise;
#[cfg(feature = "tokens")]
mod precompiled;
#[cfg(feature = "tokens")]
mod split;
#[cfg(feature = "tokens")]
mod template;
#[cfg(test)]
#[cfg(feature = "tokens")]
mod tests;
mod tokenised;
#[cfg(feature = "tokens")]
mod tokenizer;
#[cfg(feature = "tokens")]
mod unigram;
#[cfg(feature = "tokens")]
mod word_piece;

#[cfg(not(feature = "tokens"))]
pub use absent::Tokenizer;
#[cfg(feature = "tokens")]
pub use tokenizer::Tokenizer;
