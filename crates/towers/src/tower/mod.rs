//! The two towers: raw features of a user or an item in, a vector out.
//!
//! A towers directory holds `tower.json` (the [`Schema`](schema::Schema): tables, features, layers)
//! and weights as safetensors. [`Model`] is the two put together: [`encode`](Tower::encode) turns a
//! JSON object into rows of embedding tables and numbers, [`forward`](Tower::forward) turns many of
//! those into vectors. Training runs the same two and differentiates the [`Pass`] that `forward`
//! leaves, so that what is served is what was trained.
//!
//! A layer may be an ONNX model (`onnx`), run by another crate behind a feature of this one.
//!
//! Everything here is pure: files come as bytes, mapped or not, and all of them are checked against
//! the schema before a model exists. A tower is not told of a database either: where a feature reads
//! the vectors of items, [`ItemVectors`](encode::ItemVectors) finds them. Out of scope: where the files lie (`store`), how
//! weights are learnt (`train`). Cost: a dense layer is one matrix product for the whole batch; an
//! embedding costs its row.

mod activation;
mod describe;
mod encode;
mod encoded;
mod export;
mod farmhash;
mod forward;
mod layer;
mod lookup;
mod matrix;
mod model;
mod onnx;
pub mod schema;
mod selftest;
mod training_state;
mod weights;

pub use activation::exp;
pub use describe::{FeatureInfo, LayerInfo, TableInfo, TowerInfo, TowersInfo};
pub use encode::{FeatureCheck, ItemVectors, Reading};
pub use encoded::{Encoded, Input};
pub use forward::Pass;
pub use layer::{Layer, LayerError, Step};
pub use lookup::Lookup;
pub use matrix::Matrix;
pub use model::{EmbedError, Feature, Model, Side, Table, Tower};
pub use selftest::SelfTest;
pub use training_state::{
    Cell, FREQUENCY, FrequencyState, MAX_CELLS, MAX_HASHES, OPTIMISER, OptimiserMethod,
    OptimiserState, check as check_training_state,
};
pub use weights::{FILES as TOWER_FILES, NamedBlob, aligned, content_hash};

use thiserror::Error;

/// A towers directory that cannot be used: which file, where in it, what is wrong.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{file}: {place}: {what}")]
#[non_exhaustive]
pub struct TowerError {
    /// The file in the towers directory.
    pub file: String,
    /// The feature, layer, table or tensor.
    pub place: String,
    /// What is wrong with it, and what would be right.
    pub what: String,
}

impl TowerError {
    fn new(file: &str, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place: place.into(),
            what: what.into(),
        }
    }

    fn schema(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self::new(schema::FILE, place, what)
    }
}

#[cfg(test)]
mod tests;
