//! DSSM: text to text, from clicks or from the documents alone (Huang et al., CIKM 2013,
//! <https://doi.org/10.1145/2505515.2505665>).
//!
//! **Towers.** Both read a text as its letter trigrams ("word hashing", section 3.2), and optionally as
//! whole words too. The sum of their embeddings is the first layer: only the rows of the grams in the text
//! are read, and the paper's sparse vector of 30,000 numbers is never built. Dense tanh layers and the
//! cosine follow.
//!
//! **Loss.** Softmax with a factor γ over the clicked document and some others, drawn from all documents or
//! from those of the batch ([`Pool`]).
//!
//! **Fields.** A text may consist of several fields, such as a title and a body. They are named by the
//! settings or derived from the data ([`Config::document`], [`Config::query`]).
//!
//! **Data.** [`train`] learns from a log of queries and clicked documents. Users are the queries: with a
//! text, or with an id that is their text. Without events it learns from the documents alone: each sentence
//! is a query for the rest of its document. That, word dropout and the running mean of the weights are
//! additions to the paper.

mod auto;
mod bm25;
mod config;
mod describe;
mod examples;
mod negatives;
mod recipe;
mod texts;
mod train;

pub use auto::train_auto;
pub use config::{Activation, Config, Pool, TRAINING};
pub use train::{queries, train, train_from};

#[cfg(test)]
mod tests;
