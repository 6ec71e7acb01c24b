//! Training: from raw logs to towers.
//!
//! A recipe takes a [`Dataset`] (items, users and events as JSON records), derives a schema from its
//! columns, and trains the weights. The forward pass in training is the one that serves. A seed fixes the
//! result on machines of one kind, whatever the number of cores.
//!
//! - [`dssm`]: text to text, softmax over a clicked document and negatives (Huang et al., CIKM 2013).
//! - [`ebr`]: unified features, triplets with random and mined negatives (Huang et al., KDD 2020).
//! - [`youtube`]: two towers, in-batch softmax corrected for sampling bias (Yi et al., RecSys 2019).
//! - [`mobius`]: clicks under a teacher of relevance, to be ranked by bids (Fan et al., KDD 2019).
//! - [`frequency`]: sampling probability of items, estimated on the stream.
//! - [`report`]: a page of HTML on how a training went.
//! - [`Comparison`]: popularity, transitions and EASE, which trained towers should beat.
//! - [`DataReport`]: what a training reads of every column, and ids without a record.
//! - [`evaluate`]: splits of logs, metrics with confidence intervals, and reports on several models side by side.
//!
//! # Anatomy of a recipe
//! A recipe has a `Config`, a function `train`, and an implementation of `training_loop::Recipe`: the
//! examples, the negatives and the loss of a batch. Everything else is shared, in this order:
//!
//! 1. `sampler` numbers users and items of a log and takes out the holdout.
//! 2. `schema` derives the description of the towers from columns and [`Overrides`].
//! 3. `nn` initialises the weights, or takes them from earlier towers.
//! 4. `training_loop` runs epochs of batches, in the order of `shuffle`; `early_stopping` keeps the best epoch; `checkpoint` saves
//!    the state; `meter` reports progress.
//! 5. For each batch, `reader` encodes users and items, `nn` runs the forward pass, a `loss` gives
//!    gradients of the vectors, and `nn` runs the backward pass and the optimiser.
//! 6. `popularity` computes recall by popularity for the report.

/// What `twinspire` uses for fuzzing, and users should not.
#[doc(hidden)]
pub mod internals {
    pub use crate::checkpoint::is_training_state;
}

mod auto;
mod baselines;
mod blend;
mod checkpoint;
mod chunks;
mod cooccurrence;
mod data_report;
mod dataset;
pub mod dssm;
mod early_stopping;
pub mod ebr;
mod error;
mod error_reason;
pub mod evaluate;
pub mod frequency;
mod history_encoder;
mod hold_out;
mod html;
mod log_params;
mod loss;
mod meter;
pub mod mobius;
mod names;
mod nn;
mod popularity;
mod range;
mod reader;
pub mod report;
mod sampler;
mod schema;
mod settings;
mod shuffle;
mod train_params;
mod trained;
mod training_loop;
mod training_progress;
mod unknown_ids;
pub mod youtube;

pub use auto::{AutoCandidate, AutoParams, AutoReport};
pub use baselines::{Baseline, Comparison, recommend as recommend_baselines};
pub use blend::{Blend, BlendChoice};
pub use checkpoint::remove_checkpoint;
pub use data_report::{ColumnReport, DataReport};
pub use dataset::Dataset;
pub use error::TrainError;
pub use error_reason::{
    CheckpointFault, MinedFault, MissingData, OverrideFault, SchemaPlace, TeacherFault,
    Untrainable, WarmStartFault,
};
pub use history_encoder::{Attention, Gru, HistoryEncoder};
pub use hold_out::HoldOut;
pub use log_params::LogParams;
pub use nn::Method;
pub use popularity::Decile;
pub use report::TrainingReport;
pub use schema::{Overrides, TowerOverrides, Unread};
pub use train_params::TrainParams;
pub use trained::Trained;
pub use training_progress::{IntoControlFlow, StopTraining, TrainingProgress};
pub use unknown_ids::UnknownIds;
