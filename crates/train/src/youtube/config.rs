//! Settings of the recipe.

use super::super::config::within;
use super::super::error::TrainError;
use super::super::hold_out::HoldOut;
use super::super::optimiser::Method;
use super::super::schema::Overrides;
use serde::{Deserialize, Serialize};
use twinspire_core::kernel::MAX_DIMENSION;
use twinspire_towers::internals::{MAX_CELLS, MAX_HASHES};

/// Settings of the recipe. `docs/recipes.md` tells how the defaults were chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Components of the vectors, and of the items' embeddings.
    pub dimension: usize,
    /// Units of hidden layers (relu) in each tower; none by default, which does best on small data.
    pub hidden: Vec<usize>,
    /// Components of a user's embedding; 0 leaves user ids out.
    pub user_dimension: usize,
    /// Components of the embedding of a category.
    pub category_dimension: usize,
    /// Components of the embedding of a letter trigram.
    pub text_dimension: usize,
    /// How many of the items met last make the history: a mean for each number given, side by side.
    /// The default takes the last one (the paper's seed), what was met just before, and the long run.
    pub history: Vec<usize>,
    /// Passes over the events; with a [`window`](Self::window), over those of each before the next.
    pub epochs: usize,
    /// Events in a batch; their items are each other's negatives.
    pub batch: usize,
    /// What scores are divided by before the softmax.
    pub temperature: f32,
    /// How weights follow their gradients.
    pub optimiser: Method,
    /// The learning rate.
    pub learning_rate: f32,
    /// Pulls embeddings towards zero.
    pub weight_decay: f32,
    /// How quickly the estimate of an item's frequency follows (the paper's alpha), 0 to 1; 0 leaves
    /// the correction out.
    pub frequency_rate: f32,
    /// Hash functions of that estimate; of several the least frequency is believed.
    pub frequency_hashes: usize,
    /// Cells of each of them; best well above the number of items.
    pub frequency_cells: usize,
    /// Rows that users and items are hashed into that were never met, each in its table.
    pub unknown_buckets: usize,
    /// The share of ids hidden while learning, so that those rows have a meaning.
    pub id_dropout: f32,
    /// Events before this moment (seconds since 1970) are not learnt from: they make histories alone.
    /// For a training that goes on from towers that have learnt from them.
    pub since: Option<i64>,
    /// Seconds of a window, 86,400 for days: events are learnt from window after window, in order of
    /// time, shuffled within each (the paper's sequential training). With 0 all are shuffled together.
    pub window: u64,
    /// After how many passes without a better hit@10 on validation the training ends; the best weights
    /// are kept. With 0, all events are learnt from in every pass. It has to be 0 where there are windows,
    /// of which the last is to be learnt from.
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
            user_dimension: 32,
            category_dimension: 8,
            text_dimension: 16,
            history: vec![1, 3, 20],
            epochs: 5,
            batch: 512,
            temperature: 0.1,
            optimiser: Method::Adagrad,
            learning_rate: 0.05,
            weight_decay: 0.0,
            frequency_rate: 0.02,
            frequency_hashes: 3,
            frequency_cells: 1 << 18,
            unknown_buckets: 1,
            id_dropout: 0.1,
            since: None,
            window: 0,
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
        within("user_dimension", self.user_dimension, 0..=most)?;
        within("category_dimension", self.category_dimension, 1..=most)?;
        within("text_dimension", self.text_dimension, 1..=most)?;
        within("epochs", self.epochs, 1..=most)?;
        within("batch", self.batch, 2..=most)?;
        for units in &self.hidden {
            within("hidden", *units, 1..=most)?;
        }
        for items in &self.history {
            within("history", *items, 1..=most)?;
        }
        within("temperature", self.temperature, 0.001..=1000.0)?;
        within("learning_rate", self.learning_rate, 1e-6..=100.0)?;
        within("weight_decay", self.weight_decay, 0.0..=1.0)?;
        within("frequency_rate", self.frequency_rate, 0.0..=1.0)?;
        let (hashes, cells) = (MAX_HASHES as usize, MAX_CELLS as usize);
        within("frequency_hashes", self.frequency_hashes, 1..=hashes)?;
        within("frequency_cells", self.frequency_cells, 1..=cells)?;
        within("unknown_buckets", self.unknown_buckets, 1..=1 << 24)?;
        within("id_dropout", self.id_dropout, 0.0..=0.9)?;
        self.hold_out.check()?;
        let patience = if self.window > 0 { 0 } else { most };
        within("patience", self.patience, 0..=patience)
    }
}
