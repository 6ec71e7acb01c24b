//! Settings of the recipe.

use crate::blend::Blend;
use crate::error::TrainError;
use crate::log_params::LogParams;
use crate::nn::Method;
use crate::range::{MAX_COUNT, check_range};
use crate::settings::deserialize_over;
use crate::train_params::TrainParams;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use twinspire_core::kernel::MAX_DIMENSION;
use twinspire_towers::internals::{MAX_CELLS, MAX_HASHES};

/// Default settings of the training loop.
pub const TRAINING: TrainParams = TrainParams {
    epochs: 5,
    batch: 512,
    optimiser: Method::Adagrad,
    learning_rate: 0.05,
    patience: 0,
    fresh_steps: false,
    max_unknown_ids: 0.01,
    seed: 42,
    checkpoint: None,
};

/// What the weights are before the first step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// Small random numbers.
    #[default]
    Random,
    /// Items placed by the users that they share, and users at the mean of their items: a linear model of the leading
    /// components of EASE (Steck, WWW 2019). Without hidden layers; ignored by a warm start. Small learning rates keep
    /// close to it.
    Cooccurrence,
}

/// Settings of the recipe. `docs/recipes.md` says how the defaults were chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Config {
    /// Width of what is learnt of the vectors, and of the items' embeddings.
    pub dimension: usize,
    /// What scores are divided by before the softmax.
    pub temperature: f32,
    /// Weight decay of the embeddings.
    pub weight_decay: f32,
    /// Learning rate of the frequency estimate (the paper's alpha), 0 to 1; 0 turns the correction off.
    pub frequency_rate: f32,
    /// Hash functions of the estimate; the lowest of their frequencies counts.
    pub frequency_hashes: usize,
    /// Cells of each hash function; best well above the number of items.
    pub frequency_cells: usize,
    /// What the weights are before the first step.
    pub start: Start,
    /// Negatives drawn uniformly from all items for each batch, in addition to its positives (mixed negative
    /// sampling, Yang et al., WWW 2020). Without them, items that nobody took are never negatives.
    pub uniform_negatives: usize,
    /// Half-life of an example's weight, in days before the latest event; 0 weighs old and new events alike.
    pub half_life: f32,
    /// Factor of the weight of examples whose item the user had taken before; 0 leaves them out.
    pub repeat_weight: f32,
    /// Baselines in the vectors, beside what is learnt; none by default. They are computed anew by each training, from
    /// all events that it is given. The vectors are then wider than `dimension`: by 2, and by `factors` for each of
    /// transitions and co-occurrence.
    pub blend: Option<Blend>,
    /// Largest number of factors of transitions, and of co-occurrence. With 0, `train_auto` blends nothing.
    pub factors: usize,
    /// Rows that unknown users are hashed into, and as many for unknown items.
    pub unknown_buckets: usize,
    /// Start of the new events (seconds since 1970): older ones are not learnt from and only make
    /// histories. For a warm start from towers that have learnt from the older events.
    pub since: Option<i64>,
    /// Length of a window in seconds, 86,400 for days: events are learnt from window by window, in order
    /// of time, shuffled within each (the paper's sequential training). Each window takes
    /// [`epochs`](TrainParams::epochs) passes. With 0 all events are shuffled together. With windows,
    /// [`patience`](TrainParams::patience) has to be 0, as the last window is to be learnt from.
    pub window: u64,
    /// What the towers read of the log, and the holdout.
    #[serde(flatten)]
    pub log: LogParams,
    /// The training loop and the optimiser; the items of a batch are each other's negatives.
    #[serde(flatten)]
    pub training: TrainParams,
}

impl Serialize for Config {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, into)
    }
}

impl<'de> Deserialize<'de> for Config {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        deserialize_over(from, &Self::default(), Self::deserialize)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dimension: 64,
            temperature: 0.1,
            weight_decay: 0.0,
            frequency_rate: 0.02,
            frequency_hashes: 3,
            frequency_cells: 1 << 18,
            start: Start::Random,
            uniform_negatives: 0,
            half_life: 0.0,
            repeat_weight: 1.0,
            blend: None,
            factors: 64,
            unknown_buckets: 1,
            since: None,
            window: 0,
            log: LogParams::default(),
            training: TRAINING,
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), TrainError> {
        check_range("dimension", self.dimension, 1..=MAX_DIMENSION as usize)?;
        self.log.check()?;
        self.training.check(2)?;
        check_range("temperature", self.temperature, 0.001..=1000.0)?;
        check_range("weight_decay", self.weight_decay, 0.0..=1.0)?;
        check_range("frequency_rate", self.frequency_rate, 0.0..=1.0)?;
        let (hashes, cells) = (MAX_HASHES as usize, MAX_CELLS as usize);
        check_range("frequency_hashes", self.frequency_hashes, 1..=hashes)?;
        check_range("frequency_cells", self.frequency_cells, 1..=cells)?;
        check_range("uniform_negatives", self.uniform_negatives, 0..=MAX_COUNT)?;
        check_range("half_life", self.half_life, 0.0..=1e6)?;
        check_range("repeat_weight", self.repeat_weight, 0.0..=1000.0)?;
        self.blend.map_or(Ok(()), |blend| blend.check())?;
        check_range("factors", self.factors, 0..=1024)?;
        check_range("unknown_buckets", self.unknown_buckets, 1..=1 << 24)?;
        let patience = if self.window > 0 { 0 } else { MAX_COUNT };
        check_range("patience", self.training.patience, 0..=patience)
    }
}
