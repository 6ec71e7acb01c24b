//! Training: from raw logs to towers.
//!
//! A recipe takes a [`Dataset`] (items, users and events as JSON records), derives a schema from its
//! columns, and learns the weights. The forward pass is the one that serves: a recipe runs the same
//! towers and differentiates what they computed. A seed fixes the result on one machine.
//!
//! - [`youtube`]: two towers, in-batch softmax corrected for sampling bias (Yi et al., RecSys 2019).
//! - [`evaluate`]: hit rate and nDCG, and the split by time they are measured under.

mod backward;
mod dataset;
mod error;
pub mod evaluate;
mod frequency;
mod loss;
mod optimiser;
mod sampler;
mod schema;
pub mod youtube;

pub use dataset::Dataset;
pub use error::TrainError;

use crate::database::Towers;

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// The pass over the events, from 1.
    pub epoch: usize,
    /// Of so many.
    pub epochs: usize,
    /// Batches done in all passes.
    pub done: u64,
    /// Of so many.
    pub total: u64,
    /// The mean loss of this pass so far.
    pub loss: f32,
}

/// What a training came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trained {
    /// The towers, ready to be saved or published.
    pub towers: Towers,
    /// How it went.
    pub report: Report,
}

/// How a training went.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct Report {
    /// The mean loss of each pass.
    pub losses: Vec<f32>,
    /// Events learnt from in each pass.
    pub examples: u64,
    /// Numbers learnt.
    pub parameters: usize,
    /// Time taken, in seconds.
    pub seconds: f64,
}

#[cfg(test)]
mod tests;
