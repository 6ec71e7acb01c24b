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

mod chunks;
mod dataset;
pub mod dssm;
mod early_stopping;
pub mod ebr;
mod error;
mod error_reason;
pub mod evaluate;
pub mod frequency;
mod hold_out;
mod log_params;
mod loss;
mod meter;
pub mod mobius;
mod nn;
mod popularity;
mod range;
mod reader;
pub mod report;
mod sampler;
mod schema;
mod settings;
mod train_params;
mod trained;
mod training_loop;
mod training_progress;
pub mod youtube;

pub use dataset::Dataset;
pub use error::TrainError;
pub use error_reason::{
    MinedFault, MissingData, OverrideFault, SchemaPlace, TeacherFault, Untrainable, WarmStartFault,
};
pub use hold_out::HoldOut;
pub use log_params::LogParams;
pub use nn::Method;
pub use popularity::Decile;
pub use report::TrainingReport;
pub use schema::{Overrides, TowerOverrides};
pub use train_params::TrainParams;
pub use trained::Trained;
pub use training_progress::TrainingProgress;
