//! Settings that every recipe has.

use super::error::TrainError;
use super::nn::{Method, OptimiserParams};
use super::range::{MAX_COUNT, check_range};
use serde::{Deserialize, Serialize, Serializer};
use std::path::PathBuf;

/// Settings of the training loop and the optimiser, which every recipe has.
///
/// The defaults differ by recipe and are constants: [`youtube::TRAINING`](crate::youtube::TRAINING),
/// [`dssm::TRAINING`](crate::dssm::TRAINING), [`ebr::TRAINING`](crate::ebr::TRAINING) and
/// [`mobius::TRAINING`](crate::mobius::TRAINING). In JSON these settings are keys of the same
/// object as those of the recipe.
///
/// ```
/// # mod twinspire { pub use twinspire_train as train; }
/// use twinspire::train::{TrainParams, youtube};
///
/// let config = youtube::Config {
///     dimension: 32,
///     training: TrainParams { epochs: 3, ..youtube::TRAINING },
///     ..youtube::Config::default()
/// };
/// assert_eq!(config.training.batch, 512);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainParams {
    /// Epochs: passes over the training examples.
    pub epochs: usize,
    /// Examples in a batch.
    pub batch: usize,
    /// The optimiser.
    pub optimiser: Method,
    /// The learning rate.
    pub learning_rate: f32,
    /// Early stopping: the training ends after this many epochs without a better validation metric, and
    /// the weights of the best epoch are kept. With 0 nothing is held out and every epoch runs.
    pub patience: usize,
    /// Whether a warm start resets the optimiser: steps are as long as in a first training. Otherwise
    /// they continue as short as they have become.
    pub fresh_steps: bool,
    /// The largest share of events that may name users or items without a record, 0 to 1. Sides without any
    /// record are not checked. More ends the training: ids are probably written otherwise in one of the files.
    pub max_unknown_ids: f32,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Directory of checkpoints. The state of the training is saved there after each epoch, and what a search for
    /// settings chose when it ends. If the directory has a state, the training continues from it, and ends with the same
    /// weights as one that was not interrupted. It has to be the same training: the same data, settings and version.
    /// Remove the directory once the towers are saved. `None` saves nothing. Reports of settings have `null` here: the result does not
    /// depend on it.
    #[serde(serialize_with = "none")]
    pub checkpoint: Option<PathBuf>,
}

/// Leaves a path out of reported settings.
#[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
fn none<S: Serializer>(_: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_none()
}

impl TrainParams {
    /// Rejects settings outside of their ranges; `min_batch` is the smallest batch with a negative.
    pub(crate) fn check(&self, min_batch: usize) -> Result<(), TrainError> {
        check_range("epochs", self.epochs, 1..=MAX_COUNT)?;
        check_range("batch", self.batch, min_batch..=MAX_COUNT)?;
        check_range("learning_rate", self.learning_rate, 1e-6..=100.0)?;
        check_range("max_unknown_ids", self.max_unknown_ids, 0.0..=1.0)?;
        check_range("patience", self.patience, 0..=MAX_COUNT)
    }

    /// The optimiser of these settings; `weight_decay` pulls embeddings towards zero.
    pub(crate) fn optimiser(&self, weight_decay: f32) -> OptimiserParams {
        OptimiserParams {
            method: self.optimiser,
            rate: self.learning_rate,
            decay: weight_decay,
            fresh: self.fresh_steps,
        }
    }
}
