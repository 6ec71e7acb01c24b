//! Checkpoints: a training that was interrupted continues where it was, and ends with the same weights as one that
//! was not.
//!
//! The setting [`checkpoint`](crate::TrainParams::checkpoint) names a directory. It has two files:
//!
//! - `search.json`: what a search for settings chose, written when the search ends.
//! - `training.bin`: the state of the training after the last whole epoch: weights, optimiser, random numbers, losses, and
//!   the best epoch. It has two to five times the size of the weights.
//!
//! Both begin with a fingerprint of the data, the settings and the version of this crate. A checkpoint of another
//! training is refused, not overwritten. The caller removes the directory once the towers are saved.

mod chosen;
mod directory;
mod fingerprint;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use chosen::search_once;
pub(crate) use directory::CheckpointDirectory;
pub use directory::remove_checkpoint;
pub(crate) use fingerprint::Fingerprint;
pub use state::is_training_state;
pub(crate) use state::{BestState, CourseState, MeterState, NetworkState, pack_rng, unpack_rng};
