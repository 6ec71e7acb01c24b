//! The state of a training between two epochs.

use crate::error_reason::CheckpointFault;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// All that a training needs to continue, besides its data and settings.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CourseState {
    /// The stage of the next epoch, and the epochs of it that are done.
    pub(crate) next: (usize, usize),
    /// For each epoch its stage, and the generator before its shuffle: the order of the examples follows from them.
    pub(crate) shuffles: Vec<(usize, Vec<u8>)>,
    /// The generator.
    pub(crate) rng: Vec<u8>,
    pub(crate) network: NetworkState,
    pub(crate) best: Option<BestState>,
    pub(crate) meter: MeterState,
    /// What the recipe adds.
    pub(crate) recipe: Vec<u8>,
}

/// Weights, optimiser and running mean.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NetworkState {
    /// The weights of each table and layer.
    pub(crate) weights: Vec<Vec<f32>>,
    /// Steps of the optimiser.
    pub(crate) steps: i32,
    /// Squares and means of the optimiser for each table and layer.
    pub(crate) moments: Vec<[Vec<f32>; 2]>,
    /// Steps and weights of the running mean.
    pub(crate) average: Option<(u32, Vec<Vec<f32>>)>,
}

/// The best epoch so far.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BestState {
    pub(crate) metric: f64,
    pub(crate) epoch: usize,
    pub(crate) weights: Vec<Vec<f32>>,
    /// The optimiser state that is kept for a warm start.
    pub(crate) steps: u32,
    pub(crate) squares: Vec<f32>,
    /// The metric for each held-out event.
    pub(crate) values: Vec<f64>,
}

/// Counts and curves.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MeterState {
    pub(crate) epoch: usize,
    pub(crate) batches_done: u64,
    pub(crate) examples_seen: u64,
    pub(crate) learning_seconds: f64,
    pub(crate) seconds: f64,
    pub(crate) losses: Vec<f32>,
    pub(crate) validations: Vec<f64>,
}

impl CourseState {
    /// The state as bytes.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, CheckpointFault> {
        bincode::serde::encode_to_vec(self, bincode::config::standard())
            .map_err(|error| CheckpointFault::Damaged(error.to_string()))
    }

    /// The state of bytes that [`to_bytes`](Self::to_bytes) wrote.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, CheckpointFault> {
        let decoded = bincode::serde::decode_from_slice(bytes, bincode::config::standard());
        let (state, read) = decoded.map_err(|error| CheckpointFault::Damaged(error.to_string()))?;
        match bytes.len() - read {
            0 => Ok(state),
            more => Err(CheckpointFault::Damaged(format!(
                "{more} bytes follow the state"
            ))),
        }
    }
}

/// A generator as bytes.
pub(crate) fn pack_rng(rng: &Pcg64Mcg) -> Vec<u8> {
    // Encoding an integer into memory cannot fail.
    bincode::serde::encode_to_vec(rng, bincode::config::standard()).unwrap_or_default()
}

/// The generator of bytes that [`pack_rng`] wrote.
pub(crate) fn unpack_rng(bytes: &[u8]) -> Option<Pcg64Mcg> {
    let decoded = bincode::serde::decode_from_slice(bytes, bincode::config::standard());
    decoded.ok().map(|(rng, _)| rng)
}

/// Whether bytes are a state, for fuzzing. One that is has the same bytes when it is written again.
#[must_use]
pub fn is_training_state(bytes: &[u8]) -> bool {
    let Ok(state) = CourseState::from_bytes(bytes) else {
        return false;
    };
    let again = state
        .to_bytes()
        .and_then(|bytes| CourseState::from_bytes(&bytes));
    assert!(again.is_ok());
    let generators = state.shuffles.iter().map(|(_, rng)| rng);
    generators
        .chain([&state.rng])
        .all(|rng| unpack_rng(rng).is_some())
}
