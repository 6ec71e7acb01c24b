//! Training: from raw logs to towers.
//!
//! A recipe takes a [`Dataset`] (items, users and events as JSON records), derives a schema from its
//! columns, and learns the weights. The forward pass is the one that serves: a recipe runs the same
//! towers and differentiates what they computed. A seed fixes the result on machines of one kind,
//! however many cores they have.
//!
//! - [`dssm`]: text to text, softmax over a clicked document and others (Huang et al., CIKM 2013).
//! - [`ebr`]: unified features, triplets with random and mined negatives (Huang et al., KDD 2020).
//! - [`youtube`]: two towers, in-batch softmax corrected for sampling bias (Yi et al., RecSys 2019).
//! - [`frequency`]: how often an item is in a batch, estimated on the stream.
//! - [`mobius`]: clicks learnt under a teacher of relevance, to be ranked by bids (Fan et al., KDD 2019).
//! - [`report`]: a page of HTML that tells how a training went.
//! - [`release`]: new towers published on trial, kept or rolled back.
//! - [`evaluate`]: hit rate and nDCG, and the splits they are measured under.
//!
//! # How a recipe is made
//! `schema::Draft` describes the towers by the columns of the data and what the user says of them
//! ([`Overrides`]); `network::random` gives a model its first weights; `sampler` makes examples of logs and
//! `reader` reads users and items as the towers do; for each batch of them `network::Network` computes
//! vectors, one of `loss` says how they should change, and the network changes its weights; `course`
//! counts, tells and ends; `popularity` tells of what is recalled. A recipe is a `Config`, a function
//! `train` and what it alone knows: which examples, which negatives.

mod config;
mod course;
mod dataset;
pub mod dssm;
pub mod ebr;
mod error;
pub mod evaluate;
pub mod frequency;
mod hold_out;
mod loss;
pub mod mobius;
mod network;
mod optimiser;
mod parts;
mod popularity;
mod reader;

pub mod report;
mod sampler;
mod schema;
pub mod youtube;

pub use dataset::Dataset;
pub use error::TrainError;
pub use hold_out::HoldOut;
pub use optimiser::Method;
pub use popularity::Decile;
pub use schema::{Overrides, TowerOverrides};

use twinspire_towers::Towers;

/// How far a training is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainingProgress {
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
    /// Examples learnt from in a second, so far.
    pub examples_per_second: f64,
    /// What the pass before came to on what was held out, if anything was.
    pub validation: Option<f64>,
}

/// What a training came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trained {
    /// The towers, ready to be saved or published.
    pub towers: Towers,
    /// How it went.
    pub report: TrainingReport,
}

/// How a training went.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct TrainingReport {
    /// The mean loss of each pass.
    pub losses: Vec<f32>,
    /// Events learnt from in each pass.
    pub examples: u64,
    /// What is measured on what is held out from learning, larger being better; none if nothing is.
    pub metric: Option<&'static str>,
    /// The metric after each pass.
    pub validations: Vec<f64>,
    /// The items in ten parts by how often they were met, those met least first: what is recalled and what
    /// is found of each. Empty where nothing was met, as by a training on documents alone.
    pub deciles: Vec<Decile>,
    /// The pass whose weights the towers have, from 1: the best by the metric, or the last.
    pub kept: usize,
    /// Examples learnt from in a second, without the time for reading and validation.
    pub examples_per_second: f64,
    /// Numbers learnt.
    pub parameters: usize,
    /// Time taken, in seconds.
    pub seconds: f64,
}
