//! Settings of the recipe.

use super::super::config::within;
use super::super::error::TrainError;
use super::super::hold_out::HoldOut;
use super::super::optimiser::Method;
use super::super::schema::Overrides;
use serde::{Deserialize, Serialize};
use twinspire_core::kernel::MAX_DIMENSION;

/// Negatives that are the nearest of a batch, at most: with more, recall fell in the paper.
const MOST_NEAREST: usize = 2;

/// Settings of the recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Components of the vectors.
    pub dimension: usize,
    /// Units of hidden layers (relu) in each tower; none by default, which does best on small data.
    pub hidden: Vec<usize>,
    /// Components of an item's embedding by its id, which the history shares; 0 leaves ids and history
    /// out, so that items are known by what they are alone.
    pub item_dimension: usize,
    /// Components of a user's embedding by its id; 0 leaves user ids out.
    pub user_dimension: usize,
    /// Components of the embedding of a category, and of a cell of a place.
    pub category_dimension: usize,
    /// Components of the embedding of a gram.
    pub text_dimension: usize,
    /// Of up to how many words there are grams beside letter trigrams; 0 for none.
    pub words: usize,
    /// Rows that grams, and cells of places, are hashed into.
    pub buckets: u32,
    /// How many of the items met last make the history: a mean for each number given, side by side.
    pub history: Vec<usize>,
    /// Passes over the examples.
    pub epochs: usize,
    /// Examples in a batch.
    pub batch: usize,
    /// By how much a negative has to be farther from the user than the item that was met (m).
    pub margin: f32,
    /// Negatives of each example, random and mined ones together.
    pub negatives: usize,
    /// Random negatives for [`hard`](Self::hard) mined ones. With 0 only examples with mined negatives
    /// are learnt from.
    pub easy: u32,
    /// Mined negatives for [`easy`](Self::easy) random ones, of the examples that have any; with 0 all
    /// are random.
    pub hard: u32,
    /// How many of the items that others of the batch met, the nearest, are negatives as well: 0 to 2.
    pub nearest: usize,
    /// Passes over the examples with mined negatives, with these alone, before all others.
    pub hard_passes: usize,
    /// How much an example counts that was mined as a hard positive.
    pub hard_positive_weight: f32,
    /// How weights follow their gradients.
    pub optimiser: Method,
    /// The learning rate.
    pub learning_rate: f32,
    /// How much of the running mean of the weights is kept at each step, which is what the towers get
    /// in the end; 0 for the last weights.
    pub average: f32,
    /// The share of ids hidden while learning, so that unknown ones have a meaning.
    pub id_dropout: f32,
    /// After how many passes without a better hit@10 on validation the training ends; the best weights
    /// are kept. With 0, all events are learnt from in every pass.
    pub patience: usize,
    /// Which events are held out for it.
    pub hold_out: HoldOut,
    /// What is to be read of the fields and how towers are built, in place of what the data says.
    pub schema: Overrides,
    /// Whether steps begin as long as those of a first training, where a training goes on from earlier
    /// towers. Otherwise they go on as short as those have become.
    pub fresh_steps: bool,
    /// What the random numbers start from.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dimension: 64,
            hidden: Vec::new(),
            item_dimension: 64,
            user_dimension: 32,
            category_dimension: 8,
            text_dimension: 16,
            words: 1,
            buckets: 1 << 14,
            history: vec![1, 3, 20],
            epochs: 10,
            batch: 512,
            margin: 0.1,
            negatives: 101,
            easy: 100,
            hard: 1,
            nearest: 0,
            hard_passes: 0,
            hard_positive_weight: 1.0,
            optimiser: Method::Adagrad,
            learning_rate: 0.05,
            average: 0.0,
            id_dropout: 0.1,
            patience: 0,
            hold_out: HoldOut::Last,
            schema: Overrides::default(),
            fresh_steps: false,
            seed: 42,
        }
    }
}

impl Config {
    pub(super) fn check(&self) -> Result<(), TrainError> {
        let most = 65_536;
        within("dimension", self.dimension, 1..=MAX_DIMENSION as usize)?;
        for units in &self.hidden {
            within("hidden", *units, 1..=most)?;
        }
        within("item_dimension", self.item_dimension, 0..=most)?;
        within("user_dimension", self.user_dimension, 0..=most)?;
        within("category_dimension", self.category_dimension, 1..=most)?;
        within("text_dimension", self.text_dimension, 1..=most)?;
        within("words", self.words, 0..=8)?;
        within("buckets", self.buckets, 1..=1 << 28)?;
        for items in &self.history {
            within("history", *items, 1..=most)?;
        }
        within("epochs", self.epochs, 1..=most)?;
        within("batch", self.batch, 1..=most)?;
        within("margin", self.margin, 0.0..=2.0)?;
        within("negatives", self.negatives, 1..=most)?;
        // Both 0 would leave nothing to learn from.
        within(
            "easy + hard",
            u64::from(self.easy) + u64::from(self.hard),
            1..=1 << 32,
        )?;
        within("nearest", self.nearest, 0..=MOST_NEAREST)?;
        within("hard_passes", self.hard_passes, 0..=most)?;
        within(
            "hard_positive_weight",
            self.hard_positive_weight,
            0.0..=1000.0,
        )?;
        within("learning_rate", self.learning_rate, 1e-6..=100.0)?;
        within("average", self.average, 0.0..=0.999_999)?;
        within("id_dropout", self.id_dropout, 0.0..=0.9)?;
        self.hold_out.check()?;
        within("patience", self.patience, 0..=most)
    }

    /// How many items met last are looked back to at most.
    pub(super) fn longest(&self) -> usize {
        match self.item_dimension {
            0 => 0,
            _ => self.history.iter().copied().max().unwrap_or(0),
        }
    }
}
