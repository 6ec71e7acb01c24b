//! The YouTube two-tower recipe: sampling-bias-corrected neural modelling (Yi et al., RecSys 2019,
//! <https://doi.org/10.1145/3298689.3346996>).
//!
//! User side: the mean of the embeddings of the items met last (`history`, from the same table as
//! the item ids), the user id and every attribute found in the data. Item side: the id and every
//! attribute; titles by letter trigrams. The loss is a softmax over the items of the batch; as
//! popular items are in a batch more often, each score is corrected by the logarithm of the
//! probability of that, estimated on the stream. Unknown users and items have a row of their own,
//! learnt by hiding known ids now and then.

use super::config::within;
use super::course::{Course, Stopping};
use super::dataset::Dataset;
use super::error::TrainError;
use super::evaluate::{metrics, ranks};
use super::frequency::Frequency;
use super::loss::in_batch::{Batch, softmax};
use super::network::{Network, random, warm};
use super::optimiser::{Method, Rule};
use super::sampler::{Example, HeldOut, Logs, encode_all, shuffle};
use super::schema::{Draft, Overrides, Widths, known, optional};
use super::{Progress, Trained};
use crate::database::Towers;
use crate::kernel::MAX_DIMENSION;
use crate::tower::schema::{
    Activation, FeatureKind, FeatureSchema, LayerKind, LayerSchema, Missing, OtherFields, Pooling,
    Schema, TowerSchema,
};
use crate::tower::{Encoded, Side};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

/// The feature that holds a user's past items, newest last.
const HISTORY: &str = "history";
/// The table of items, shared by history and item id.
const ITEMS: &str = "item_id";
/// Items of a user's history that [`queries`] gives at most.
const MOST_SHOWN: usize = 20;
/// Buckets of the table of letter trigrams.
const TRIGRAM_BUCKETS: u32 = 8192;

/// Settings of the recipe.
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
    /// Passes over the events.
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
    /// The share of ids hidden while learning, so that unknown ones have a meaning.
    pub id_dropout: f32,
    /// After how many passes without a better hit@10 on validation the training ends; the best weights
    /// are kept. The last event of each user is held out for it. With 0, all events are learnt from in
    /// every pass.
    pub patience: usize,
    /// What is to be read of the fields and how towers are built, in place of what the data says.
    pub schema: Overrides,
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
            id_dropout: 0.1,
            patience: 0,
            schema: Overrides::default(),
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
    progress: impl FnMut(Progress),
) -> Result<Trained, TrainError> {
    train_from(None, data, config, progress)
}

/// As [`train`], but with weights that begin where those of earlier towers of the same kind ended:
/// ids that were not there yet begin anew, everything else has to be the same.
///
/// # Errors
/// As [`train`], and [`TrainError::WarmStart`] names what is different.
pub fn train_from(
    earlier: Option<&Towers>,
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(Progress),
) -> Result<Trained, TrainError> {
    config.check()?;
    let mut course = Course::new(config.epochs, progress);
    let mut logs = Logs::new(data)?;
    let held_out = logs.hold_out(config.patience > 0);
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    let mut model = random(describe(data, &logs, config)?, &mut rng)?;
    if let Some(earlier) = earlier {
        warm(&mut model, earlier.model())?;
    }
    let rule = Rule {
        method: config.optimiser,
        rate: config.learning_rate,
        decay: config.weight_decay,
    };
    let network = Network::new(model, rule, false);
    let mut learner = Learner::new(network, &logs, config)?;
    let mut examples = logs.examples();
    course.expect(examples.len(), config.batch);
    let mut stopping = Stopping::new(config.patience);
    for _ in 1..=config.epochs {
        shuffle(&mut examples, &mut rng);
        for batch in examples.chunks(config.batch) {
            let loss = learner.learn(batch, &mut rng);
            course.batch(loss, batch.len())?;
        }
        course.end_pass();
        if config.patience > 0 {
            let hits = learner.hits(&held_out);
            course.validate("hit@10", hits);
            if !stopping.goes_on(hits, &learner.network.model) {
                break;
            }
        }
    }
    let (model, best) = stopping.best(learner.network.model);
    course.finish(&model, best)
}

/// The features of some users as they are now, to ask trained towers with: the first of those who met
/// the most.
#[must_use]
pub fn queries(data: &Dataset, count: usize) -> Vec<Value> {
    let Ok(logs) = Logs::new(data) else {
        return Vec::new();
    };
    let mut users: Vec<usize> = (0..logs.users.len()).collect();
    users.sort_by_key(|user| Reverse(logs.met[*user].len()));
    let each = users.into_iter().take(count).map(|user| {
        let met = logs.met[user].iter().rev().take(MOST_SHOWN).rev();
        let ids = met.filter_map(|(item, _)| logs.items.get(*item as usize));
        let mut record = logs.users[user].1.clone();
        record[HISTORY] = ids.map(|(id, _)| id.clone()).collect();
        record
    });
    each.collect()
}

/// The schema of the two towers.
pub(super) fn describe(data: &Dataset, logs: &Logs, config: &Config) -> Result<Schema, TrainError> {
    let widths = Widths {
        category: config.category_dimension,
        text: config.text_dimension,
        buckets: TRIGRAM_BUCKETS,
    };
    let ids = |named: &[(String, Value)]| named.iter().map(|(id, _)| id.clone()).collect();
    let mut draft = Draft::new(&config.schema, widths);
    let shared = draft.table(ITEMS, config.dimension, known(ids(&logs.items)));
    let histories = config.history.iter().map(|items| {
        optional(FeatureKind::Ids {
            field: HISTORY.to_owned(),
            table: shared.clone(),
            pooling: Pooling::Mean,
            limit: *items as u32,
            recency: None,
        })
    });
    // First, so that the sampler knows where they are.
    let mut user: Vec<_> = histories.collect();
    if config.user_dimension > 0 {
        user.push(optional(FeatureKind::Id {
            field: "user_id".to_owned(),
            table: draft.table("user_id", config.user_dimension, known(ids(&logs.users))),
        }));
    }
    let mut item = vec![FeatureSchema {
        missing: Missing::Error,
        kind: FeatureKind::Id {
            field: "id".to_owned(),
            table: shared,
        },
    }];
    let of_users = draft.features(Side::User, &data.users, &["user_id", HISTORY])?;
    user.extend(of_users.read);
    item.extend(draft.features(Side::Item, &data.items, &["id"])?.read);
    let mut unread = of_users.unread;
    unread.insert(0, "user_id".to_owned());
    let user = TowerSchema {
        features: user,
        layers: draft.layers(Side::User, layers(config))?,
        other_fields: Some(OtherFields::Allow(unread)),
    };
    let item = TowerSchema {
        features: item,
        layers: draft.layers(Side::Item, layers(config))?,
        other_fields: None,
    };
    draft.finish("youtube two-tower", config.dimension, user, item)
}

/// The layers of either tower.
fn layers(config: &Config) -> Vec<LayerSchema> {
    let dense = |units: usize, activation| {
        LayerSchema::of(LayerKind::Dense {
            units: units as u32,
            activation,
            bias: true,
        })
    };
    let hidden = config.hidden.iter();
    let mut layers: Vec<_> = hidden
        .map(|units| dense(*units, Activation::Relu))
        .collect();
    layers.push(dense(config.dimension, Activation::Linear));
    layers.push(LayerSchema::of(LayerKind::L2Normalise {}));
    layers
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
        within("id_dropout", self.id_dropout, 0.0..=0.9)?;
        within("patience", self.patience, 0..=most)
    }
}

/// Everything a step needs.
struct Learner<'a> {
    network: Network,
    logs: &'a Logs,
    config: &'a Config,
    users: Vec<Encoded>,
    items: Vec<Encoded>,
    frequency: Frequency,
    /// The feature of the user's id, if there is one, and the row of unknown users.
    user_id: Option<(usize, u32)>,
    /// The row of unknown items.
    unknown_item: u32,
}

impl<'a> Learner<'a> {
    fn new(network: Network, logs: &'a Logs, config: &'a Config) -> Result<Self, TrainError> {
        let features = network.model.user.features.iter();
        let user_id = features
            .map(|f| f.schema.field())
            .position(|f| f == "user_id");
        Ok(Self {
            users: encode_all(&network.model, Side::User, &logs.users)?,
            items: encode_all(&network.model, Side::Item, &logs.items)?,
            frequency: Frequency::new(FREQUENCY_CELLS, config.frequency_rate),
            user_id: user_id.map(|at| (at, logs.users.len() as u32)),
            unknown_item: logs.items.len() as u32,
            network,
            logs,
            config,
        })
    }

    /// A user at the moment of an example.
    fn user(&self, example: Example, history: &mut Vec<u32>) -> Encoded {
        let longest = self.config.history.iter().copied().max().unwrap_or(0);
        self.logs.history(example, longest, history);
        let mut user = self.users[example.user as usize].clone();
        for (at, limit) in self.config.history.iter().enumerate() {
            let from = history.len().saturating_sub(*limit);
            user.set_rows(at, &history[from..]);
        }
        user
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
        for example in examples {
            let (item, reward) = self.logs.met[example.user as usize][example.at as usize];
            positives.push(*columns.entry(item).or_insert_with(|| {
                items.push(item);
                items.len() - 1
            }));
            rewards.push(reward);
            let mut user = self.user(*example, &mut history);
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

        let network = &mut self.network;
        let user_vectors = network.forward(Side::User, &users);
        let item_vectors = network.forward(Side::Item, &encoded);
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
        let loss = softmax(user_vectors.view(), item_vectors.view(), &batch, known);
        network.backward(Side::User, &users, loss.users.view());
        network.backward(Side::Item, &encoded, loss.items.view());
        network.step(1.0);
        loss.value
    }

    /// The share of held-out items that are among the first ten of their user, of the items that the
    /// user had not met before.
    fn hits(&mut self, held_out: &[HeldOut]) -> f64 {
        let mut history = Vec::new();
        let users = held_out.iter().map(|out| {
            // One place behind the last: all that was met before.
            let met = self.logs.met[out.user as usize].len();
            let example = Example {
                user: out.user,
                at: met as u32,
            };
            self.user(example, &mut history)
        });
        let users: Vec<_> = users.collect();
        let users = self.network.forward(Side::User, &users);
        let items = self.network.forward(Side::Item, &self.items);
        let found = ranks(users.view(), items.view(), |row| {
            let met = &self.logs.met[held_out[row].user as usize];
            let met: HashSet<u32> = met.iter().map(|(item, _)| *item).collect();
            (held_out[row].item, met)
        });
        metrics(&found).hit_10
    }
}
