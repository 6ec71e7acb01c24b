//! Neural network training: forward and backward pass of two towers, and the optimiser. Independent of
//! any recipe.
//!
//! A recipe passes the encoded records of a batch and a loss to [`Network::learn`]. [`vectors`] runs the
//! forward pass alone.
//!
//! - `network`: a pair of towers under training.
//! - `initial`: random initial weights, and the warm start.
//! - `trainable`: rejects features and layers without a gradient.
//! - `vectors`: the forward pass.
//! - `backward`, `sequence`, `slope`: the backward pass, of encoders of sequences too.
//! - `gradients`: sums of gradients over the records of a batch.
//! - `optimiser`, `optimiser_state`: Adagrad and Adam, and the state kept for a warm start.
//! - `state`, `weights`: the whole state and all weights, for a checkpoint.
//! - `average`: a running mean of the weights.
//!
//! **Determinism.** A batch is cut into chunks by its size alone. Each has a pass and gradients of its own,
//! and these are added in a fixed order. So the same seed gives the same weights, to the bit, on any number
//! of cores of one kind.
//!
//! **Cost.** Three matrix products for a dense layer; twice its row for an embedding that is read.
//!
//! **Memory.** Twice the weights with Adagrad, three times with Adam, and once more for a running mean. In
//! addition four bytes for each row of a table, and the gradients of dense layers for each chunk.

mod average;
mod backward;
mod gradients;
mod initial;
mod network;
mod operations;
mod optimiser;
mod optimiser_state;
mod sequence;
mod slope;
mod state;
mod trainable;
mod vectors;
mod weights;

pub(crate) use initial::random;
pub(crate) use network::{Checkpoint, Network};
pub use optimiser::Method;
pub(crate) use optimiser::OptimiserParams;
pub(crate) use trainable::checked;
pub(crate) use vectors::vectors;
pub(crate) use weights::weights;

#[cfg(test)]
mod tests;
