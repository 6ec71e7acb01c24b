//! Settings of the recipe.

use super::super::config::within;
use super::super::error::TrainError;
use super::super::hold_out::HoldOut;
use super::super::loss::three_class::part;
use super::super::optimiser::Method;
use super::super::schema::Overrides;
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};
use twinspire_core::kernel::MAX_DIMENSION;

/// Settings of the recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Events of this weight or more are clicks, others were shown and not clicked. Of ratings from 1
    /// to 5, it may be 4.
    pub click: f32,
    /// Components of each of the three parts of the vectors.
    pub part: usize,
    /// Whether each part is brought to length 1, so that inner products are cosines.
    pub normalise: bool,
    /// What inner products are multiplied by before the softmax.
    pub gamma: f32,
    /// What the published vectors score by.
    pub score: Score,
    /// Pairs of which the teacher says less are of low relevance.
    pub relevance: f32,
    /// How many bad cases are drawn for each event of a batch; 0 learns from clicks and unclicks alone.
    pub bad: f32,
    /// Which pairs of low relevance become bad cases.
    pub draw: Draw,
    /// Units of hidden layers (relu) in each tower, before the three parts.
    pub hidden: Vec<usize>,
    /// Components of the embeddings of items, and of the items in a history.
    pub item_dimension: usize,
    /// Components of a user's embedding; 0 leaves user ids out.
    pub user_dimension: usize,
    /// Components of the embedding of a category.
    pub category_dimension: usize,
    /// Components of the embedding of a letter trigram.
    pub text_dimension: usize,
    /// How many of the items clicked last make the history: a mean for each number given, side by side.
    pub history: Vec<usize>,
    /// Passes over the events.
    pub epochs: usize,
    /// Events in a batch, whose users and items are all paired with each other.
    pub batch: usize,
    /// How weights follow their gradients.
    pub optimiser: Method,
    /// The learning rate.
    pub learning_rate: f32,
    /// Pulls embeddings towards zero.
    pub weight_decay: f32,
    /// The share of ids hidden while learning, so that unknown ones have a meaning.
    pub id_dropout: f32,
    /// After how many passes without a better hit@10 on validation the training ends; the best weights
    /// are kept. With 0, all events are learnt from in every pass.
    pub patience: usize,
    /// Which events are held out for it; of these, clicks are looked for.
    pub hold_out: HoldOut,
    /// What is to be read of the fields and how towers are built, in place of what the data says;
    /// `layers` are those before the three parts.
    pub schema: Overrides,
    /// Whether steps begin as long as those of a first training, where a training goes on from earlier
    /// towers. Otherwise they go on as short as those have become.
    pub fresh_steps: bool,
    /// What the random numbers start from.
    pub seed: u64,
}

/// What published vectors score by: the inner product of the click parts, less so much of those of the
/// other two. It is an inner product again, of the parts laid side by side with the user's multiplied by
/// their weights; a part of weight 0 is left out.
///
/// With 1 for `bad` and 0 for `unclick` it is the logarithm of how much likelier a click is than a bad
/// case (over γ), and the other way round than an unclick. The logarithm of the probability of a click
/// itself is no inner product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Score {
    /// How much of the product of the unclick parts is taken away, from 0.
    pub unclick: f32,
    /// How much of the product of the bad parts is taken away, from 0.
    pub bad: f32,
}

impl Score {
    /// By the click parts alone.
    pub const CLICK: Self = Self {
        unclick: 0.0,
        bad: 0.0,
    };

    /// What the user's parts are multiplied by.
    pub(super) fn factors(self) -> [f32; 3] {
        [1.0, -self.unclick, -self.bad]
    }

    /// Makes vectors of users, in all three parts, such that their products with those of items are scores.
    pub(super) fn apply(self, users: &mut Array2<f32>) {
        let components = users.ncols();
        for (class, factor) in self.factors().into_iter().enumerate() {
            let mut part = users.slice_mut(s![.., part(class, components)]);
            part *= factor;
        }
    }

    /// Refuses weights out of their range.
    pub(super) fn check(self) -> Result<(), TrainError> {
        within("score.unclick", self.unclick, 0.0..=100.0)?;
        within("score.bad", self.bad, 0.0..=100.0)
    }
}

/// Which pairs of low relevance become bad cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// Drawn in proportion to the probability of a click that the student gives them.
    #[default]
    Probability,
    /// Those that the student holds for the likeliest clicks.
    Top,
    /// Each as likely, whatever the student says.
    Uniform,
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
            hidden: Vec::new(),
            item_dimension: 64,
            user_dimension: 32,
            category_dimension: 8,
            text_dimension: 16,
            history: vec![1, 3, 20],
            epochs: 10,
            batch: 256,
            optimiser: Method::Adagrad,
            learning_rate: 0.05,
            weight_decay: 0.0,
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
        within("click", self.click, 0.0..=f32::MAX)?;
        within("part", self.part, 1..=MAX_DIMENSION as usize / 3)?;
        within("gamma", self.gamma, 0.01..=1000.0)?;
        self.score.check()?;
        within("relevance", self.relevance, f32::MIN..=f32::MAX)?;
        within("bad", self.bad, 0.0..=100.0)?;
        for units in &self.hidden {
            within("hidden", *units, 1..=most)?;
        }
        within("item_dimension", self.item_dimension, 1..=most)?;
        within("user_dimension", self.user_dimension, 0..=most)?;
        within("category_dimension", self.category_dimension, 1..=most)?;
        within("text_dimension", self.text_dimension, 1..=most)?;
        for items in &self.history {
            within("history", *items, 1..=most)?;
        }
        within("epochs", self.epochs, 1..=most)?;
        within("batch", self.batch, 2..=most)?;
        within("learning_rate", self.learning_rate, 1e-6..=100.0)?;
        within("weight_decay", self.weight_decay, 0.0..=1.0)?;
        within("id_dropout", self.id_dropout, 0.0..=0.9)?;
        self.hold_out.check()?;
        within("patience", self.patience, 0..=most)
    }
}
