//! Settings of the recipe.

use super::super::config::within;
use super::super::error::TrainError;
use super::super::optimiser::Method;
use crate::kernel::MAX_DIMENSION;
use crate::tower::schema;
use serde::{Deserialize, Serialize};

/// Settings of the recipe. The defaults are the paper's where it names them: trigrams, three layers of
/// hyperbolic tangents, four negatives.
///
/// Where there are few documents, less is more: no hidden layers, [`Activation::Linear`], all others of
/// the batch as negatives and words omitted at random. The table in `docs/recipes.md` shows what each of
/// these gave on a collection of 1,400 documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The field of a query that has its text.
    pub query: String,
    /// The field of an item that has the text of the document.
    pub document: String,
    /// Components of the vectors.
    pub dimension: usize,
    /// Units of the layers before the vectors; the first of them is the sum of the embeddings of a
    /// text's grams. With none, that sum is the vector.
    pub hidden: Vec<usize>,
    /// What is done to each component behind every layer.
    pub activation: Activation,
    /// How many letters a gram has, from and to.
    pub letters: [u32; 2],
    /// Of up to how many words there are grams beside those of letters; 0 for none.
    pub words: usize,
    /// Rows that grams are hashed into.
    pub buckets: u32,
    /// Whether queries and documents go through one tower.
    pub shared: bool,
    /// What cosines are multiplied by before the softmax (γ).
    pub gamma: f32,
    /// How many documents of the batch are drawn as negatives of a query; 0 for all others.
    pub negatives: usize,
    /// The share of words left out of each text, anew each time it is learnt from.
    pub word_dropout: f32,
    /// Passes over the examples.
    pub epochs: usize,
    /// Examples in a batch.
    pub batch: usize,
    /// How weights follow their gradients.
    pub optimiser: Method,
    /// The learning rate.
    pub learning_rate: f32,
    /// How much of the running mean of the weights is kept at each step, which is what the towers get
    /// in the end; 0 for the last weights.
    pub average: f32,
    /// After how many passes without a better mean reciprocal rank of held-out documents the training
    /// ends; the best weights are kept. With 0 nothing is held out.
    pub patience: usize,
    /// The share of documents (of queries, where there are clicks) that are held out for it.
    pub held_out: f64,
    /// Whether steps begin as long as those of a first training, where a training goes on from earlier
    /// towers. Otherwise they go on as short as those have become.
    pub fresh_steps: bool,
    /// What the random numbers start from.
    pub seed: u64,
}

/// What is done to each component behind a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// Nothing.
    Linear,
    /// max(x, 0).
    Relu,
    /// The hyperbolic tangent.
    #[default]
    Tanh,
}

impl Activation {
    pub(super) fn of_layers(self) -> schema::Activation {
        match self {
            Self::Linear => schema::Activation::Linear,
            Self::Relu => schema::Activation::Relu,
            Self::Tanh => schema::Activation::Tanh,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            query: "query".to_owned(),
            document: "text".to_owned(),
            dimension: 128,
            hidden: vec![300, 300],
            activation: Activation::Tanh,
            letters: [3, 3],
            words: 0,
            buckets: 1 << 15,
            shared: true,
            gamma: 10.0,
            negatives: 4,
            word_dropout: 0.0,
            epochs: 10,
            batch: 128,
            optimiser: Method::Adam,
            learning_rate: 0.002,
            average: 0.0,
            patience: 0,
            held_out: 0.1,
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
        within("words", self.words, 0..=8)?;
        within("buckets", self.buckets, 1..=1 << 28)?;
        within("gamma", self.gamma, 0.01..=1000.0)?;
        within("negatives", self.negatives, 0..=most)?;
        within("word_dropout", self.word_dropout, 0.0..=0.9)?;
        within("epochs", self.epochs, 1..=most)?;
        within("batch", self.batch, 2..=most)?;
        within("learning_rate", self.learning_rate, 1e-6..=100.0)?;
        within("average", self.average, 0.0..=0.999_999)?;
        within("patience", self.patience, 0..=most)?;
        within("held_out", self.held_out, 0.001..=0.5)
    }
}
