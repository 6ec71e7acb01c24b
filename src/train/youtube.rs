//! The YouTube two-tower recipe: sampling-bias-corrected neural modelling (Yi et al., RecSys 2019,
//! <https://doi.org/10.1145/3298689.3346996>).
//!
//! User side: the mean of the embeddings of the items met last (`history`, from the same table as
//! the item ids), the user id and every attribute found in the data. Item side: the id and every
//! attribute; titles by letter trigrams. The loss is a softmax over the items of the batch; as
//! popular items are in a batch more often, each score is corrected by the logarithm of the
//! probability of that, estimated on the stream. Unknown users and items have a row of their own,
//! learnt by hiding known ids now and then.

use super::backward::{Gradients, backward, view};
use super::dataset::Dataset;
use super::error::TrainError;
use super::frequency::Frequency;
use super::loss::{Batch, softmax};
use super::optimiser::Adagrad;
use super::sampler::{Example, Logs, shuffle};
use super::{Progress, Report, Trained, schema};
use crate::database::Towers;
use crate::kernel::MAX_DIMENSION;
use crate::tower::schema::{LayerKind, Schema};
use crate::tower::{Encoded, Layer, Lookup, Matrix, Model, Pass, Side, Step, Table, Tower};
use ndarray::Array2;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Instant;

/// Settings of the recipe.
#[derive(Clone, Debug, PartialEq)]
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
    /// Passes over the events.
    pub epochs: usize,
    /// Events in a batch; their items are each other's negatives.
    pub batch: usize,
    /// What scores are divided by before the softmax.
    pub temperature: f32,
    /// The learning rate of Adagrad.
    pub learning_rate: f32,
    /// Pulls embeddings towards zero.
    pub weight_decay: f32,
    /// How quickly the estimate of an item's frequency follows (the paper's alpha), 0 to 1; 0 leaves
    /// the correction out.
    pub frequency_rate: f32,
    /// The share of ids hidden while learning, so that unknown ones have a meaning.
    pub id_dropout: f32,
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
            learning_rate: 0.05,
            weight_decay: 0.0,
            frequency_rate: 0.02,
            id_dropout: 0.1,
            seed: 42,
        }
    }
}

/// Cells of the frequency estimator for each hash function, a power of two well above the number
/// of items in any batch.
const FREQUENCY_CELLS: usize = 1 << 18;

/// Learns both towers from the data. `progress` is told after every batch.
///
/// # Errors
/// [`TrainError`] names the record, event or setting at fault.
pub fn train(
    data: &Dataset,
    config: &Config,
    mut progress: impl FnMut(Progress),
) -> Result<Trained, TrainError> {
    let started = Instant::now();
    config.check()?;
    let logs = Logs::new(data)?;
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    let ids = |named: &[(String, Value)]| named.iter().map(|(id, _)| id.clone()).collect();
    let schema = schema::derive(data, ids(&logs.items), ids(&logs.users), config);
    let mut learner = Learner::new(initial(schema, &mut rng)?, &logs, config)?;
    let mut examples = logs.examples();
    let batches = examples.len().div_ceil(config.batch) as u64;
    let total = batches * config.epochs as u64;
    let (mut losses, mut done) = (Vec::new(), 0);
    for epoch in 1..=config.epochs {
        shuffle(&mut examples, &mut rng);
        let (mut sum, mut seen) = (0.0f64, 0);
        for batch in examples.chunks(config.batch) {
            sum += f64::from(learner.learn(batch, &mut rng)) * batch.len() as f64;
            seen += batch.len();
            done += 1;
            let loss = (sum / seen as f64) as f32;
            if !loss.is_finite() {
                return Err(TrainError::Diverged { epoch });
            }
            progress(Progress {
                epoch,
                epochs: config.epochs,
                done,
                total,
                loss,
            });
        }
        losses.push((sum / seen.max(1) as f64) as f32);
    }
    let towers = Towers::from_model(&learner.model)?;
    Ok(Trained {
        report: Report {
            losses,
            examples: examples.len() as u64,
            parameters: towers.parameters(),
            seconds: started.elapsed().as_secs_f64(),
        },
        towers,
    })
}

impl Config {
    fn check(&self) -> Result<(), TrainError> {
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
        within("id_dropout", self.id_dropout, 0.0..=0.9)
    }
}

/// Refuses a setting out of its range.
fn within<T: PartialOrd + Display>(
    knob: &'static str,
    found: T,
    range: RangeInclusive<T>,
) -> Result<(), TrainError> {
    if range.contains(&found) {
        return Ok(());
    }
    Err(TrainError::Config {
        knob,
        found: found.to_string(),
        least: range.start().to_string(),
        most: range.end().to_string(),
    })
}

/// A model whose weights are small random numbers: embeddings of about unit length over all
/// features, dense layers by Glorot's rule.
pub(super) fn initial(schema: Schema, rng: &mut Pcg64Mcg) -> Result<Model, TrainError> {
    let mut uniform = |rows: usize, columns: usize, bound: f32| {
        let number = || rng.random_range(-bound..=bound);
        Matrix::from(Array2::from_shape_simple_fn((rows, columns), number))
    };
    let mut tables = Vec::new();
    for (name, table) in &schema.tables {
        let lookup = Lookup::new(name, &table.lookup)?;
        let dimension = table.dimension.unwrap_or(0) as usize;
        let bound = (3.0 / dimension as f32).sqrt() * 0.1;
        tables.push(Table {
            name: name.clone(),
            weights: uniform(lookup.rows(), dimension, bound),
            lookup,
        });
    }
    Model::assemble(schema, tables, |side, description, schema, _| {
        let wirings = schema.wiring(side, description)?;
        let layers = description.layers.iter().zip(wirings);
        let layers = layers.map(|(layer, wiring)| {
            let (inputs, width) = (wiring.inputs, wiring.outputs);
            let step = match layer.kind {
                LayerKind::Dense { activation, .. } => Step::Dense {
                    weight: uniform(width, inputs, (6.0 / (inputs + width) as f32).sqrt()),
                    bias: Some(vec![0.0; width]),
                    activation,
                },
                // The recipe makes no others.
                _ => Step::L2Normalise,
            };
            Layer {
                from: wiring.from,
                width,
                step,
            }
        });
        Ok(Tower::new(side, description, layers.collect(), schema))
    })
}

/// Everything a step needs.
struct Learner<'a> {
    model: Model,
    logs: &'a Logs,
    config: &'a Config,
    users: Vec<Encoded>,
    items: Vec<Encoded>,
    optimiser: Adagrad,
    gradients: Gradients,
    /// What became of the users and of the items of a batch.
    passes: [Pass; 2],
    frequency: Frequency,
    /// The feature of the user's id, if there is one, and the row of unknown users.
    user_id: Option<(usize, u32)>,
    /// The row of unknown items.
    unknown_item: u32,
}

impl<'a> Learner<'a> {
    fn new(model: Model, logs: &'a Logs, config: &'a Config) -> Result<Self, TrainError> {
        let encode = |tower: &Tower, what, records: &[(String, Value)]| {
            let each = records.iter().enumerate().map(|(at, (_, record))| {
                let encoded = tower.encode_alone(&model.tables, record);
                encoded.map_err(|source| TrainError::Record { what, at, source })
            });
            each.collect::<Result<Vec<_>, _>>()
        };
        let users = encode(&model.user, "user", &logs.users)?;
        let items = encode(&model.item, "item", &logs.items)?;
        let features = model.user.features.iter();
        let user_id = features
            .map(|f| f.schema.field())
            .position(|f| f == "user_id");
        Ok(Self {
            optimiser: Adagrad::new(&model, config.learning_rate, config.weight_decay),
            gradients: Gradients::new(&model),
            passes: Default::default(),
            frequency: Frequency::new(FREQUENCY_CELLS, config.frequency_rate),
            user_id: user_id.map(|at| (at, logs.users.len() as u32)),
            unknown_item: logs.items.len() as u32,
            model,
            logs,
            config,
            users,
            items,
        })
    }

    /// One step; gives the mean loss of the batch.
    fn learn(&mut self, examples: &[Example], rng: &mut Pcg64Mcg) -> f32 {
        let mut hide =
            || self.config.id_dropout > 0.0 && rng.random_bool(f64::from(self.config.id_dropout));
        let mut items: Vec<u32> = Vec::new();
        let mut columns = HashMap::new();
        let mut positives = Vec::with_capacity(examples.len());
        let mut rewards = Vec::with_capacity(examples.len());
        let mut users = Vec::with_capacity(examples.len());
        let mut history = Vec::new();
        let longest = self.config.history.iter().copied().max().unwrap_or(0);
        for example in examples {
            let (item, reward) = self.logs.met[example.user as usize][example.at as usize];
            positives.push(*columns.entry(item).or_insert_with(|| {
                items.push(item);
                items.len() - 1
            }));
            rewards.push(reward);
            self.logs.history(*example, longest, &mut history);
            let mut user = self.users[example.user as usize].clone();
            for (at, limit) in self.config.history.iter().enumerate() {
                let from = history.len().saturating_sub(*limit);
                user.set_rows(at, &history[from..]);
            }
            if let Some((at, unknown)) = self.user_id.filter(|_| hide()) {
                user.set_rows(at, &[unknown]);
            }
            users.push(user);
        }
        let encoded = items.iter().map(|item| {
            let mut encoded = self.items[*item as usize].clone();
            if hide() {
                encoded.set_rows(0, &[self.unknown_item]);
            }
            encoded
        });
        let encoded: Vec<_> = encoded.collect();
        self.frequency.see(&items);
        let correct = self.config.frequency_rate > 0.0;
        let ln = |item: &u32| {
            if correct {
                self.frequency.ln_probability(*item)
            } else {
                0.0
            }
        };
        let ln_probability: Vec<_> = items.iter().map(ln).collect();

        let (users, encoded): (Vec<_>, Vec<_>) = (users.iter().collect(), encoded.iter().collect());
        let (tables, [user_pass, item_pass]) = (&self.model.tables, &mut self.passes);
        let (user, item) = (&self.model.user, &self.model.item);
        // Of the layers that the recipe makes, none can fail.
        let _ = user.forward(tables, users.iter().copied(), user_pass);
        let _ = item.forward(tables, encoded.iter().copied(), item_pass);
        let batch = Batch {
            positives: &positives,
            rewards: &rewards,
            ln_probability: &ln_probability,
            temperature: self.config.temperature,
        };
        let known = |row: usize, hide: &mut dyn FnMut(usize)| {
            for (item, _) in &self.logs.met[examples[row].user as usize] {
                if let Some(column) = columns.get(item) {
                    hide(*column);
                }
            }
        };
        let loss = softmax(
            view(user_pass.last(), users.len()),
            view(item_pass.last(), encoded.len()),
            &batch,
            known,
        );
        self.gradients.clear();
        let into = &mut self.gradients;
        backward(&self.model, Side::User, &users, user_pass, loss.users, into);
        backward(
            &self.model,
            Side::Item,
            &encoded,
            item_pass,
            loss.items,
            into,
        );
        self.optimiser.step(&mut self.model, &self.gradients);
        loss.value
    }
}
