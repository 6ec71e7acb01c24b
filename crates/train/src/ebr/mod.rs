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

mod config;
mod examples;
mod negatives;

pub use config::Config;
pub use examples::pairs;

use super::course::{Course, Stopping};
use super::dataset::Dataset;
use super::error::TrainError;
use super::evaluate::metrics;
use super::loss::triplet::{Batch, triplets};
use super::network::{Network, random};
use super::optimiser::Rule;
use super::reader::{Memory, Reader};
use super::sampler::{Logs, shuffle};
use super::schema::{Draft, Ids, Widths, going_on, to_unit_vector};
use super::{Trained, TrainingProgress};
use examples::{Example, Examples, Who};
use negatives::Mix;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use twinspire_towers::MinedPair;
use twinspire_towers::Towers;
use twinspire_towers::internals::schema::Schema;
use twinspire_towers::internals::{Encoded, Model, Side};

/// Learns both towers from the data, with random negatives. `progress` is told after every batch.
///
/// ```
/// # mod twinspire { pub use twinspire_towers::*; pub use twinspire_train as train; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::json;
/// use twinspire::train::{Dataset, ebr};
/// use twinspire::Event;
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
/// assert_eq!(towers.dimension(), 8);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`TrainError`] names the record, event or setting at fault.
pub fn train(
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(TrainingProgress),
) -> Result<Trained, TrainError> {
    train_mined(None, data, [], config, progress)
}

/// As [`train`], but with weights that begin where those of earlier towers with the same settings ended.
/// Users, items and categories that they did not know are added to what they know.
///
/// # Errors
/// As [`train`], and [`TrainError::WarmStart`] names what is different.
pub fn train_from(
    earlier: Option<&Towers>,
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(TrainingProgress),
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
    mined: impl IntoIterator<Item = MinedPair>,
    config: &Config,
    progress: impl FnMut(TrainingProgress),
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
    let schema = describe(data, &examples.logs, config)?;
    let model = random(going_on(schema, earlier, &config.schema)?, &mut rng)?;
    let rule = Rule {
        method: config.optimiser,
        rate: config.learning_rate,
        decay: 0.0,
        fresh: config.fresh_steps,
    };
    let network = Network::going_on(model, earlier, rule, false)?.averaged(config.average);
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
            let hits = metrics(&learner.ranks(learner.network.learnt())).hit_10;
            course.validate("hit@10", hits);
            if !first && !stopping.goes_on(hits, &learner.network) {
                break;
            }
        }
    }
    let (learnt, best) = stopping.best(&learner.network);
    let mut trained = course.finish(&learnt, best.map(|pass| config.hard_passes + pass))?;
    let (reader, held_out) = (&learner.reader, &examples.held_out);
    trained.report.deciles = reader.deciles(
        &learnt.model,
        held_out,
        &learner.ranks(&learnt.model),
        |_| {},
    );
    Ok(trained)
}

/// The features of some users as they are now, to ask trained towers with: the first of those who met
/// the most.
#[must_use]
pub fn queries(data: &Dataset, config: &Config, count: usize) -> Vec<Value> {
    let logs = Logs::new(data);
    logs.map_or_else(|_| Vec::new(), |logs| logs.busiest(count, config.longest()))
}

/// The schema of the two towers.
fn describe(data: &Dataset, logs: &Logs, config: &Config) -> Result<Schema, TrainError> {
    let widths = Widths {
        category: config.category_dimension,
        text: config.text_dimension,
        words: config.words,
        buckets: config.buckets,
    };
    let ids = Ids {
        items: config.item_dimension,
        users: config.user_dimension,
        history: &config.history,
        unknown: 1,
    };
    let mut draft = Draft::new(&config.schema, widths);
    let [mut user, mut item] = draft.of_log(data, logs, ids)?;
    let layers = || to_unit_vector(&config.hidden, config.dimension);
    user.layers = draft.layers(Side::User, layers())?;
    item.layers = draft.layers(Side::Item, layers())?;
    draft.finish("ebr", config.dimension, user, item)
}

/// Everything a step needs.
struct Learner<'a> {
    network: Network,
    reader: Reader<'a>,
    examples: &'a Examples,
    config: &'a Config,
    /// Users of mined pairs that the log does not have.
    given: Vec<Encoded>,
    memory: Memory,
}

impl<'a> Learner<'a> {
    fn new(
        network: Network,
        examples: &'a Examples,
        config: &'a Config,
    ) -> Result<Self, TrainError> {
        let (model, logs) = (&network.model, &examples.logs);
        Ok(Self {
            reader: Reader::new(model, logs, &config.history, config.id_dropout)?,
            given: encode_given(model, examples)?,
            memory: Memory::default(),
            network,
            examples,
            config,
        })
    }

    /// One step; gives the mean loss of the batch.
    fn learn(&mut self, batch: &[Example], mix: Mix, rng: &mut Pcg64Mcg) -> f32 {
        let examples = self.examples;
        let Memory {
            users,
            items,
            columns,
        } = &mut self.memory;
        columns.clear(self.reader.items());
        let positives = batch
            .iter()
            .map(|example| columns.of(example.item) as usize);
        let positives: Vec<usize> = positives.collect();
        let met = columns.items.len();
        let random = negatives::random(self.reader.items(), mix.easy(0), rng).into_iter();
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

        let of_log = batch.iter().map(|example| match example.who {
            Who::Met(at) => Some(at),
            Who::Given(_) => None,
        });
        self.reader.learnt_users(of_log, rng, users);
        for (user, example) in users.iter_mut().zip(batch) {
            if let Who::Given(given) = example.who {
                user.copy_from(&self.given[given as usize]);
            }
        }
        self.reader.learnt_items(&columns.items, rng, items);

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
        self.network.learn(users, items, |users, items| {
            triplets(users, items, &of_batch, known)
        })
    }

    /// The ranks of held-out items for their users, among the items that the user had not met before.
    fn ranks(&self, model: &Model) -> Vec<Option<usize>> {
        let (held_out, met) = (&self.examples.held_out, |user| self.examples.met(user));
        self.reader
            .ranks(model, held_out, |user| met(user).clone(), |_| {})
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
