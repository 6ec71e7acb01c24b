//! Settings of the recipe.

use crate::error::TrainError;
use crate::log_params::LogParams;
use crate::nn::Method;
use crate::range::{MAX_COUNT, check_range};
use crate::settings::deserialize_over;
use crate::train_params::TrainParams;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use twinspire_core::kernel::MAX_DIMENSION;

/// Maximum of [`Config::nearest`]: with more, recall fell in the paper.
const MAX_NEAREST: usize = 2;

/// Default settings of the training loop.
pub const TRAINING: TrainParams = TrainParams {
    epochs: 10,
    batch: 512,
    optimiser: Method::Adagrad,
    learning_rate: 0.05,
    patience: 0,
    fresh_steps: false,
    max_unknown_ids: 0.01,
    seed: 42,
    checkpoint: None,
};

/// Settings of the recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self")]
pub struct Config {
    /// Width of the vectors.
    pub dimension: usize,
    /// Width of an item's embedding by its id, which the history shares; 0 leaves ids and history out,
    /// so that items are known by their attributes alone.
    pub item_dimension: usize,
    /// Longest word n-gram of texts, in addition to letter trigrams; 0 for trigrams alone.
    pub words: usize,
    /// Rows that grams, and cells of places, are hashed into.
    pub buckets: u32,
    /// Margin of the triplet loss (m): how much farther from the user a negative has to be than the
    /// positive.
    pub margin: f32,
    /// Negatives of each example, random and mined ones together.
    pub negatives: usize,
    /// Share of random negatives, in proportion to [`hard`](Self::hard). With 0 only examples with mined
    /// negatives are learnt from.
    pub easy: u32,
    /// Share of mined negatives, in proportion to [`easy`](Self::easy), of the examples that have any;
    /// with 0 all negatives are random.
    pub hard: u32,
    /// In-batch hard negatives: this many of the nearest positives of other examples in the batch, 0
    /// to 2.
    pub nearest: usize,
    /// Warm-up epochs on mined negatives alone, over the examples that have any, before all others.
    pub hard_passes: usize,
    /// Weight of an example that was mined as a hard positive.
    pub hard_positive_weight: f32,
    /// Decay of the running mean of the weights, which becomes the towers; 0 keeps the last weights.
    pub average: f32,
    /// What the towers read of the log, and the holdout.
    #[serde(flatten)]
    pub log: LogParams,
    /// The training loop and the optimiser.
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
            item_dimension: 64,
            words: 1,
            buckets: 1 << 14,
            margin: 0.1,
            negatives: 101,
            easy: 100,
            hard: 1,
            nearest: 0,
            hard_passes: 0,
            hard_positive_weight: 1.0,
            average: 0.0,
            log: LogParams::default(),
            training: TRAINING,
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), TrainError> {
        check_range("dimension", self.dimension, 1..=MAX_DIMENSION as usize)?;
        self.log.check()?;
        self.training.check(1)?;
        check_range("item_dimension", self.item_dimension, 0..=MAX_COUNT)?;
        check_range("words", self.words, 0..=8)?;
        check_range("buckets", self.buckets, 1..=1 << 28)?;
        check_range("margin", self.margin, 0.0..=2.0)?;
        check_range("negatives", self.negatives, 1..=MAX_COUNT)?;
        // Both 0 would leave no negatives.
        let shares = u64::from(self.easy) + u64::from(self.hard);
        check_range("easy + hard", shares, 1..=1 << 32)?;
        check_range("nearest", self.nearest, 0..=MAX_NEAREST)?;
        check_range("hard_passes", self.hard_passes, 0..=MAX_COUNT)?;
        let weight = self.hard_positive_weight;
        check_range("hard_positive_weight", weight, 0.0..=1000.0)?;
        check_range("average", self.average, 0.0..=0.999_999)
    }

    /// The number of most recent items that the longest history needs.
    pub(super) fn longest_history(&self) -> usize {
        match self.item_dimension {
            0 => 0,
            _ => self.log.longest_history(),
        }
    }
}
