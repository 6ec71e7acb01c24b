//! The state of a training, kept with the towers so that a later training can continue from it. No vector depends
//! on it.
//!
//! [`FrequencyState`] counts items, [`OptimiserState`] holds the optimiser's accumulators. Both files share an
//! `envelope`: magic bytes and version in front, a checksum at the end. A generation keeps the state with its
//! towers, so a rollback restores it too.

#![warn(clippy::indexing_slicing)]

mod check;
mod envelope;
mod frequency;
mod optimiser;
#[cfg(test)]
mod tests;

pub(crate) use check::check_training_state;
pub use frequency::{Cell, FrequencyState, MAX_CELLS, MAX_HASHES};
pub use optimiser::{OptimiserMethod, OptimiserState};
