//! Full text: an inverted index over the text fields of items, scored by BM25.
//!
//! A [`Lexical`] space is declared, not trained: fields with boosts, a language, stop words and the two
//! parameters of BM25. Its [`Analysis`] part decides which terms a text has, and so what is stored; the rest
//! only decides scores.
//!
//! ```text
//! record ─ fields ─ Analyser ─ Document ─ IndexBuilder ─ OwnedIndex ─┐
//!                                            stored arrays ──────────┴─ LexicalIndex ─ search
//! ```
//! - [`analyser`] splits texts at word boundaries of Unicode (UAX 29), lower-cases, drops stop words and stems.
//! - [`builder`] inverts documents; [`index`] reads the arrays in place, wherever they are.
//! - [`blocks`] packs postings in blocks of 128 rows, each with bounds on what it can score.
//! - [`bm25`] scores: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
//!   Fields are weighted as in its section 3.6.1 (BM25F, with one length normalisation).
//! - [`search`] finds the best rows by MaxScore with bounds of blocks: Turtle and Flood, 1995; Ding and Suel,
//!   "Faster Top-k Document Retrieval Using Block-Max Indexes", 2011.
//!
//! The same texts give the same scores, bit for bit, however they are distributed over indexes: statistics are
//! summed over all of them before any is searched, and the parts of a score are added in one order.
//!
//! Out of scope: which rows are visible or pass a filter (`recall`), where arrays are stored (`format`).
//! Bytes are not trusted: a damaged index gives wrong rows, never a panic.

#![warn(clippy::indexing_slicing)]

mod analyser;
mod analysis;
mod blocks;
mod bm25;
mod builder;
mod cursor;
mod document;
mod error;
mod index;
mod index_cache;
mod language;
mod lexical;
mod limits;
mod search;
mod shape;
mod stop_words;
#[cfg(test)]
mod tests;

pub(crate) use analyser::Analyser;
pub(crate) use analysis::Analysis;
pub(crate) use bm25::{TermQuery, TermStatistics};
pub(crate) use builder::{IndexBuilder, OwnedIndex};
pub use error::LexicalError;
pub(crate) use index::LexicalIndex;
pub(crate) use index_cache::IndexCache;
pub use language::Language;
pub use lexical::Lexical;
pub(crate) use search::{RowScorer, search};
pub(crate) use shape::IndexShape;
