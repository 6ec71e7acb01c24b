//! EBR: unified features, triplets, random and mined negatives (Huang et al., KDD 2020,
//! <https://doi.org/10.1145/3394486.3403305>).
//!
//! **Towers** (section 3.2). Both read every column of the data: texts by letter trigrams and words,
//! places by cells, sets, numbers. User and item ids and the history can be left out. The triplet loss
//! wants the positive nearer to the user than the negatives, by a margin over the cosine distance.
//!
//! **Negatives** (section 6.1) decide the quality. Random items are the base: retrieval has to tell the
//! positive from them. Hard negatives come from two sources:
//!
//! - *in-batch*: the nearest positives of other examples ([`Config::nearest`]);
//! - *mined*: what a database found at ranks 101 to 500 of an earlier model ([`train_mined`]).
//!
//! Mined negatives can be mixed with random ones ([`Config::easy`] to [`Config::hard`]), used alone, used
//! first ([`Config::hard_passes`]), or used in a training of their own from which another one continues
//! ([`train_from`]). Hard positives, which the earlier model does not find, can weigh more
//! ([`Config::hard_positive_weight`]).
//!
//! A model trained on random negatives and one trained on hard negatives complement each other. The
//! database's `Blend` publishes both and recalls from both (section 6.2).

mod auto;
mod config;
mod describe;
mod examples;
mod negatives;
mod recipe;
mod train;

pub use auto::train_auto;
pub use config::{Config, TRAINING};
pub use examples::pairs;
pub use train::{queries, train, train_from, train_mined};

#[cfg(test)]
mod tests;
