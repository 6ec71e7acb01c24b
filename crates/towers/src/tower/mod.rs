//! The two towers: raw features of a user or an item in, a vector out.
//!
//! - `schema`: `tower.json`, which describes tables, features and layers.
//! - [`Model`]: schema and weights together. `weights` reads it from the files of a towers directory, `export`
//!   writes it, `describe` and `selftest` describe and test it.
//! - `encode` turns a JSON object into rows of tables and numbers, an [`Encoded`]. `forward` turns a batch of them into
//!   vectors. `embed` does both. Training runs the same code and differentiates the [`Pass`] that `forward` leaves, so
//!   the tower that serves is the tower that was trained.
//! - [`Coverage`]: whether records have what a tower reads.
//! - `sequence`: encoders of lists in order, by attention or a GRU.
//! - `onnx`: layers that are ONNX models, behind a crate feature.
//! - `tokens`: texts to tokens by `tokenizer.json`, behind a crate feature.
//! - `training_state`: what a later training continues from.
//!
//! Everything here is pure. Files come as bytes, mapped or not, and are checked against the schema before a model
//! exists. A tower knows no database: a feature that reads vectors of items gets them from
//! `encode::ItemVectors`. Cost: a dense layer is one matrix product per batch; an embedding costs
//! reading its row.

mod activation;
mod combine;
mod coverage;
mod describe;
mod embed;
mod embedded;
mod encode;
mod encoded;
mod error;
mod export;
mod farmhash;
mod files;
mod forward;
mod layer;
mod lookup;
mod matrix;
mod model;
mod model_limits;
mod onnx;
pub(crate) mod schema;
mod selftest;
mod sequence;
mod side;
#[cfg(test)]
mod tests;
mod tokens;
mod training_state;
mod weights;

pub use activation::exp;
pub use coverage::Coverage;
pub use describe::{FeatureInfo, LayerInfo, TableInfo, TowerInfo, TowersInfo};
pub use embedded::{Embedded, EmbeddedFeature};
pub use encode::{FeatureCheck, IDS_PER_LOOKUP, OtherReaders, Reading};
pub use encoded::{Encoded, Input};
pub use error::{EmbedError, LayerError, ModelResource, TowerError, TowerFault};
pub use files::{FREQUENCY, NamedBlob, REPORT, TOWER_FILES, content_hash};
pub(crate) use files::{OPTIMISER, aligned, sort as sort_files};
#[cfg(feature = "tokens")]
pub(crate) use files::{SHARED, SHARED_ONNX, TOKENIZER};
pub use forward::Pass;
pub use layer::{Layer, Step};
pub use lookup::Lookup;
pub use matrix::Matrix;
pub use model::{Feature, Model, Table, Tower};
pub use model_limits::{ModelLimits, model_limits, set_model_limits};
#[cfg(feature = "tokens")]
pub(crate) use onnx::ModelPorts;
pub use selftest::SelfTest;
pub use sequence::{BlockPass, GruPass, SequenceModel, SequencePass};
pub use side::Side;
pub(crate) use training_state::check_training_state;
pub use training_state::{
    Cell, FrequencyState, MAX_CELLS, MAX_HASHES, OptimiserMethod, OptimiserState,
};
