//! EBR: unified features, triplets, random and mined negatives (Huang et al., KDD 2020,
//! <https://doi.org/10.1145/3394486.3403305>).
//!
//! Both towers read whatever columns there are (section 3.2): texts by letter trigrams and words, places
//! by cells, sets, numbers; beside them the ids of users and items and what a user met last, which can
//! be left out. The loss wants the item that was met nearer than others, by a margin over the cosine
//! distance.
//!
//! What counts is which others (section 6.1). Random items are the base: they are what a recall has to
//! tell apart. Hard ones are the nearest of the batch ([`Config::nearest`]), or those that a database
//! [mined](crate::Database::mine) at ranks 101 to 500 of an earlier model ([`train_mined`]). They are
//! mixed with random ones ([`Config::easy`] to [`Config::hard`]), or learnt from alone, or first
//! ([`Config::hard_passes`]), or in a training of their own from which another one goes on
//! ([`train_from`]). Mined positives that the earlier model does not find can count for more
//! ([`Config::hard_positive_weight`]).
//!
//! A model with random and one with hard negatives know different things; [`Blend`] publishes both and
//! lets them answer together (section 6.2).

mod blend;
mod config;
mod examples;
mod negatives;

pub use blend::Blend;
pub use config::Config;
pub use examples::pairs;

use super::course::{Course, Stopping};
use super::dataset::Dataset;
use super::error::TrainError;
use super::evaluate::{metrics, ranks};
use super::loss::triplet::{Batch, triplets};
use super::network::{Network, random, vectors, warm};
use super::optimiser::Rule;
use super::sampler::{self, Logs, encode_all, shuffle};
use super::schema::{Draft, Features, Widths, known, optional};
use super::{Progress, Trained};
use crate::database::Towers;
use crate::recall::Mined;
use crate::tower::schema::{
    Activation, FeatureKind, FeatureSchema, Grams, LayerKind, LayerSchema, Missing, OtherFields,
    Pooling, Schema, TowerSchema,
};
use crate::tower::{Encoded, Model, Side};
use examples::{Example, Examples, Who};
use negatives::Mix;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::HashMap;

/// The feature that holds a user's past items, newest last.
const HISTORY: &str = "history";
/// The table of items, shared by history and item id.
const ITEMS: &str = "item_id";

/// Learns both towers from the data, with random negatives. `progress` is told after every batch.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::json;
/// use twinspire::train::{Dataset, ebr};
/// use twinspire::{Database, Event};
///
/// let near = |n: usize| json!({"lat": 47.0 + (n % 2) as f64, "lon": 8.0});
/// let data = Dataset {
///     items: (0..8).map(|n| json!({"id": n.to_string(), "place": near(n)})).collect(),
///     users: (0..8).map(|n| json!({"user_id": n.to_string(), "place": near(n)})).collect(),
///     events: (0..8)
///         .map(|n| Event { user: n.to_string(), item: n.to_string(), at: 0, weight: 1.0 })
///         .collect(),
/// };
/// let config = ebr::Config { dimension: 8, epochs: 2, ..ebr::Config::default() };
/// let towers = ebr::train(&data, &config, |_| {})?.towers;
///
/// // What the model takes for near is what the next one learns from.
/// # let dir = tempfile::tempdir()?;
/// let db = Database::open(dir.path().join("places.twin"))?;
/// db.items().put_many(&data.items)?;
/// db.publish("easy", towers)?;
/// let mined = db.mine("easy").ranks(2..=5).pairs(ebr::pairs(&data, &config)?)?;
/// let mined: Vec<_> = mined.collect::<Result<_, _>>()?;
/// let hard = ebr::train_mined(None, &data, mined, &config, |_| {})?.towers;
/// db.publish("hard", hard)?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`TrainError`] names the record, event or setting at fault.
pub fn train(
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(Progress),
) -> Result<Trained, TrainError> {
    train_mined(None, data, [], config, progress)
}

/// As [`train`], but with weights that begin where those of earlier towers with the same settings ended:
/// ids that were not there yet begin anew.
///
/// # Errors
/// As [`train`], and [`TrainError::WarmStart`] names what is different.
pub fn train_from(
    earlier: Option<&Towers>,
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(Progress),
) -> Result<Trained, TrainError> {
    train_mined(earlier, data, [], config, progress)
}

/// As [`train_from`], with what was [mined](crate::Database::mine) by an earlier model: negatives of the
/// log's users and items, found by `user_id` and `positive`. A pair that the log does not have is an
/// example of its own, with the user as it is given.
///
/// # Errors
/// As [`train_from`], [`TrainError::Mined`] for a pair that cannot be learnt from, and
/// [`TrainError::Empty`] if mined negatives alone are to be learnt from and there are none.
pub fn train_mined(
    earlier: Option<&Towers>,
    data: &Dataset,
    mined: impl IntoIterator<Item = Mined>,
    config: &Config,
    progress: impl FnMut(Progress),
) -> Result<Trained, TrainError> {
    config.check()?;
    let passes = config.hard_passes + config.epochs;
    let mut course = Course::new(passes, progress);
    let examples = Examples::new(data, mined, config)?;
    let all = examples.all.iter().copied();
    let hard = all.filter(|example| !examples.mined(*example).is_empty());
    let mut hard: Vec<Example> = hard.collect();
    let mut usual = match config.easy {
        0 => hard.clone(),
        _ => examples.all.clone(),
    };
    if hard.is_empty() && (config.easy == 0 || config.hard_passes > 0) {
        let what = "mined negatives, and they alone are to be learnt from";
        return Err(TrainError::Empty { what });
    }
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    let mut model = random(describe(data, &examples.logs, config)?, &mut rng)?;
    if let Some(earlier) = earlier {
        warm(&mut model, earlier.model())?;
    }
    let rule = Rule {
        method: config.optimiser,
        rate: config.learning_rate,
        decay: 0.0,
    };
    let network = Network::new(model, rule, false).averaged(config.average);
    let mut learner = Learner::new(network, &examples, config)?;
    course.expect(usual.len(), config.batch);
    course.expect_first(config.hard_passes, hard.len(), config.batch);
    let mix = Mix {
        easy: config.easy,
        hard: config.hard,
        negatives: config.negatives,
    };
    let only_hard = Mix {
        easy: 0,
        hard: 1,
        ..mix
    };
    let mut stopping = Stopping::new(config.patience);
    for pass in 0..passes {
        let first = pass < config.hard_passes;
        let (of_pass, mix) = match first {
            true => (&mut hard, only_hard),
            false => (&mut usual, mix),
        };
        shuffle(of_pass, &mut rng);
        for batch in of_pass.chunks(config.batch) {
            let loss = learner.learn(batch, mix, &mut rng);
            course.batch(loss, batch.len())?;
        }
        course.end_pass();
        if !examples.held_out.is_empty() {
            let hits = learner.hits();
            course.validate("hit@10", hits);
            if !first && !stopping.goes_on(hits, learner.network.learnt()) {
                break;
            }
        }
    }
    let (model, best) = stopping.best(learner.network.learnt().clone());
    course.finish(&model, best.map(|pass| config.hard_passes + pass))
}

/// The features of some users as they are now, to ask trained towers with: the first of those who met
/// the most.
#[must_use]
pub fn queries(data: &Dataset, config: &Config, count: usize) -> Vec<Value> {
    let Ok(logs) = Logs::new(data) else {
        return Vec::new();
    };
    let mut users: Vec<usize> = (0..logs.users.len()).collect();
    users.sort_by_key(|user| Reverse(logs.met[*user].len()));
    let each = users.into_iter().take(count);
    let now = each.map(|user| now(&logs, user as u32));
    now.map(|now| examples::record(&logs, now, config.longest()))
        .collect()
}

/// A user one place behind the last meeting: all that was met is before it.
fn now(logs: &Logs, user: u32) -> sampler::Example {
    let at = logs.met[user as usize].len() as u32;
    sampler::Example { user, at }
}

/// The schema of the two towers.
fn describe(data: &Dataset, logs: &Logs, config: &Config) -> Result<Schema, TrainError> {
    let widths = Widths {
        category: config.category_dimension,
        text: config.text_dimension,
        buckets: config.buckets,
    };
    let ids = |named: &[(String, Value)]| named.iter().map(|(id, _)| id.clone()).collect();
    let mut draft = Draft::new(&config.schema, widths);
    let (mut user, mut item) = (Vec::new(), Vec::new());
    if config.item_dimension > 0 {
        let table = draft.table(ITEMS, config.item_dimension, known(ids(&logs.items), 1));
        // First, so that the learner knows where they are.
        user.extend(config.history.iter().map(|items| {
            optional(FeatureKind::Ids {
                field: HISTORY.to_owned(),
                table: table.clone(),
                pooling: Pooling::Mean,
                limit: *items as u32,
                recency: None,
            })
        }));
        item.push(FeatureSchema {
            missing: Missing::Error,
            kind: FeatureKind::Id {
                field: "id".to_owned(),
                table,
            },
        });
    }
    if config.user_dimension > 0 {
        user.push(optional(FeatureKind::Id {
            field: "user_id".to_owned(),
            table: draft.table("user_id", config.user_dimension, known(ids(&logs.users), 1)),
        }));
    }
    let mut of_users = draft.features(Side::User, &data.users, &["user_id", HISTORY])?;
    let mut of_items = draft.features(Side::Item, &data.items, &["id"])?;
    read_words(Side::User, &mut of_users, config);
    read_words(Side::Item, &mut of_items, config);
    user.extend(of_users.read);
    item.extend(of_items.read);
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
    draft.finish("ebr", config.dimension, user, item)
}

/// Reads words beside trigrams, of texts whose grams are not said.
fn read_words(side: Side, features: &mut Features, config: &Config) {
    let said = match side {
        Side::User => &config.schema.user,
        Side::Item => &config.schema.item,
    };
    let says_grams = |field: &str| {
        let rule = said.fields.get(field).or_else(|| said.fields.get("*"));
        rule.is_some_and(|rule| rule.get("grams").is_some())
    };
    for feature in &mut features.read {
        if let FeatureKind::Text { field, grams, .. } = &mut feature.kind
            && config.words > 0
            && !says_grams(field)
        {
            *grams = Grams::Both {
                letters: [3, 3],
                words: [1, config.words as u32],
            };
        }
    }
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

/// Everything a step needs.
struct Learner<'a> {
    network: Network,
    examples: &'a Examples,
    config: &'a Config,
    users: Vec<Encoded>,
    items: Vec<Encoded>,
    /// Users of mined pairs that the log does not have.
    given: Vec<Encoded>,
    /// The feature of the user's id, if there is one, and the row of unknown users.
    user_id: Option<(usize, u32)>,
}

/// Items of a batch, each there once.
#[derive(Default)]
struct Columns {
    items: Vec<u32>,
    places: HashMap<u32, u32>,
}

impl Columns {
    /// The place of an item.
    fn of(&mut self, item: u32) -> u32 {
        *self.places.entry(item).or_insert_with(|| {
            self.items.push(item);
            self.items.len() as u32 - 1
        })
    }
}

impl<'a> Learner<'a> {
    fn new(
        network: Network,
        examples: &'a Examples,
        config: &'a Config,
    ) -> Result<Self, TrainError> {
        let (model, logs) = (&network.model, &examples.logs);
        let mut fields = model.user.features.iter().map(|f| f.schema.field());
        let user_id = match config.user_dimension {
            0 => None,
            _ => fields.position(|field| field == "user_id"),
        };
        Ok(Self {
            users: encode_all(model, Side::User, &logs.users)?,
            items: encode_all(model, Side::Item, &logs.items)?,
            given: encode_given(model, examples)?,
            user_id: user_id.map(|at| (at, logs.users.len() as u32)),
            network,
            examples,
            config,
        })
    }

    /// A user of the log at a moment.
    fn user(&self, at: sampler::Example, history: &mut Vec<u32>) -> Encoded {
        let mut user = self.users[at.user as usize].clone();
        let longest = self.config.longest();
        if longest > 0 {
            self.examples.logs.history(at, longest, history);
            for (feature, limit) in self.config.history.iter().enumerate() {
                let from = history.len().saturating_sub(*limit);
                user.set_rows(feature, &history[from..]);
            }
        }
        user
    }

    /// One step; gives the mean loss of the batch.
    fn learn(&mut self, batch: &[Example], mix: Mix, rng: &mut Pcg64Mcg) -> f32 {
        let examples = self.examples;
        let mut columns = Columns::default();
        let positives = batch
            .iter()
            .map(|example| columns.of(example.item) as usize);
        let positives: Vec<usize> = positives.collect();
        let met = columns.items.len();
        let random = negatives::random(self.items.len(), mix.easy(0), rng).into_iter();
        let random: Vec<(u32, u32)> = random.map(|item| (item, columns.of(item))).collect();
        let negatives = batch.iter().map(|example| {
            let mined = examples.mined(*example);
            let hard = mix.hard(mined.len(), rng);
            let mined = negatives::some(mined, hard, rng).into_iter();
            let mut all: Vec<u32> = mined.map(|item| columns.of(item)).collect();
            let strange = random.iter().take(mix.easy(hard));
            let strange = strange.filter(|(item, _)| !examples.known(*example, *item));
            all.extend(strange.map(|(_, column)| column));
            all
        });
        let negatives: Vec<Vec<u32>> = negatives.collect();
        let weights: Vec<f32> = batch.iter().map(|example| example.weight).collect();

        let dropout = f64::from(self.config.id_dropout);
        let mut hide = || dropout > 0.0 && rng.random_bool(dropout);
        let mut history = Vec::new();
        let users = batch.iter().map(|example| {
            let mut user = match example.who {
                Who::Met(at) => self.user(at, &mut history),
                Who::Given(given) => self.given[given as usize].clone(),
            };
            if let Some((at, unknown)) = self.user_id.filter(|_| hide()) {
                user.set_rows(at, &[unknown]);
            }
            user
        });
        let users: Vec<_> = users.collect();
        let unknown = self.items.len() as u32;
        let items = columns.items.iter().map(|item| {
            let mut encoded = self.items[*item as usize].clone();
            if self.config.item_dimension > 0 && hide() {
                encoded.set_rows(0, &[unknown]);
            }
            encoded
        });
        let items: Vec<_> = items.collect();

        let network = &mut self.network;
        let user_vectors = network.forward(Side::User, &users);
        let item_vectors = network.forward(Side::Item, &items);
        let of_batch = Batch {
            positives: &positives,
            negatives: &negatives,
            weights: &weights,
            margin: self.config.margin,
            met,
            nearest: self.config.nearest,
        };
        let known =
            |row: usize, column: u32| examples.known(batch[row], columns.items[column as usize]);
        let loss = triplets(user_vectors.view(), item_vectors.view(), &of_batch, known);
        network.backward(Side::User, &users, loss.users.view());
        network.backward(Side::Item, &items, loss.items.view());
        network.step(1.0);
        loss.value
    }

    /// The share of held-out items that are among the first ten of their user, of the items that the
    /// user had not met before.
    fn hits(&self) -> f64 {
        let (examples, model) = (self.examples, self.network.learnt());
        let held_out = &examples.held_out;
        let mut history = Vec::new();
        let users = held_out.iter();
        let users = users.map(|out| self.user(now(&examples.logs, out.user), &mut history));
        let users: Vec<_> = users.collect();
        let users = vectors(model, Side::User, &users, &mut Vec::new());
        let items = vectors(model, Side::Item, &self.items, &mut Vec::new());
        let found = ranks(users.view(), items.view(), |row| {
            let out = held_out[row];
            (out.item, examples.met(out.user).clone())
        });
        metrics(&found).hit_10
    }
}

/// Users of mined pairs as the tower reads them.
fn encode_given(model: &Model, examples: &Examples) -> Result<Vec<Encoded>, TrainError> {
    let each = examples.given.iter().map(|given| {
        let encoded = model.user.encode_alone(&model.tables, &given.record);
        encoded.map_err(|source| TrainError::Mined {
            at: given.at,
            what: format!("its user: {source}"),
        })
    });
    each.collect()
}

#[cfg(test)]
mod tests;
