//! Settings of the recipe.

use super::score::Score;
use crate::error::TrainError;
use crate::log_params::LogParams;
use crate::nn::Method;
use crate::range::{MAX_COUNT, check_range};
use crate::settings::deserialize_over;
use crate::train_params::TrainParams;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use twinspire_core::kernel::MAX_DIMENSION;

/// Default settings of the training loop.
pub const TRAINING: TrainParams = TrainParams {
    epochs: 10,
    batch: 256,
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
    /// Click threshold: events of this weight or more are clicks, others were shown and not clicked. For
    /// ratings from 1 to 5 it may be 4.
    pub click: f32,
    /// Width of each of the three parts of the vectors.
    pub part: usize,
    /// Whether each part is scaled to length 1, so that inner products are cosines.
    pub normalise: bool,
    /// What inner products are multiplied by before the softmax.
    pub gamma: f32,
    /// How the published vectors score.
    pub score: Score,
    /// Relevance threshold: pairs below it, by the teacher, are of low relevance.
    pub relevance: f32,
    /// Bad cases drawn for each event of a batch; with 0 clicks and unclicks are the only classes.
    pub bad: f32,
    /// How bad cases are drawn from the pairs of low relevance.
    pub draw: Draw,
    /// Width of the embeddings of items, also of those in a history.
    pub item_dimension: usize,
    /// Weight decay of the embeddings.
    pub weight_decay: f32,
    /// What the towers read of the log, and the holdout: of held-out events, clicks are ranked. Hidden
    /// layers and [`schema`](LogParams::schema) layers stand before the three parts.
    #[serde(flatten)]
    pub log: LogParams,
    /// The training loop and the optimiser; all users and items of a batch are paired with each other.
    #[serde(flatten)]
    pub training: TrainParams,
}

/// How bad cases are drawn from the pairs of low relevance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// In proportion to the student's click probability.
    #[default]
    Probability,
    /// The pairs with the highest click probabilities.
    Top,
    /// Each pair with the same probability.
    Uniform,
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
            click: 1.0,
            part: 32,
            normalise: true,
            gamma: 6.0,
            score: Score::CLICK,
            relevance: 0.3,
            bad: 1.0,
            draw: Draw::Probability,
            item_dimension: 64,
            weight_decay: 0.0,
            log: LogParams::default(),
            training: TRAINING,
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), TrainError> {
        self.log.check()?;
        self.training.check(2)?;
        check_range("click", self.click, 0.0..=f32::MAX)?;
        check_range("part", self.part, 1..=MAX_DIMENSION as usize / 3)?;
        check_range("gamma", self.gamma, 0.01..=1000.0)?;
        self.score.check()?;
        check_range("relevance", self.relevance, f32::MIN..=f32::MAX)?;
        check_range("bad", self.bad, 0.0..=100.0)?;
        check_range("item_dimension", self.item_dimension, 1..=MAX_COUNT)?;
        check_range("weight_decay", self.weight_decay, 0.0..=1.0)
    }
}
