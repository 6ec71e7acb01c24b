//! Mobius: towers that learn clicks, under a teacher that guards relevance (Fan et al., KDD 2019,
//! <https://doi.org/10.1145/3292500.3330651>).
//!
//! A model that learns clicks alone knows nothing of what was never shown, and recalls what does not
//! fit. So of each batch of the log all users are paired with all items; a [`Teacher`] says which pairs
//! are of low relevance; the student (the towers under training) says which of those it would take for
//! clicks; and of these some are drawn and put beside the batch's clicks and unclicks as a third class,
//! bad cases (algorithm 1). The paper's buffer is that of one batch, so that the pairs are drawn by the
//! very weights that learn from them, and one forward pass serves both.
//!
//! Each tower gives three parts side by side, and the inner products of the parts go through a softmax
//! over click, unclick and bad. Recall wants one inner product: what is published is cut out of the
//! parts, by [`Score`].
//!
//! The paper multiplies scores by bids inside of the search; [`ensemble`] does.
//!
//! User side: means of the embeddings of the items clicked last (`history`, from the same table as the
//! item ids), the user id and every attribute found in the data. Item side: the id and every attribute.
//! Cost: as any two towers, and for a batch of B events B² inner products and relevances.

mod augment;
mod config;
mod describe;
mod student;
mod teacher;

pub use config::{Config, Draw, Score};
pub use student::{Outcome, Student};
pub use teacher::{Categories, Similarity, Teacher};

use super::course::{Course, Stopping};
use super::dataset::Dataset;
use super::error::TrainError;
use super::evaluate::metrics;
use super::hold_out::HeldOut;
use super::loss::three_class::{Class, Pair, click_probabilities, softmax};
use super::network::{Network, random};
use super::optimiser::Rule;
use super::reader::{Memory, Reader};
use super::sampler::{Example, Logs, shuffle};
use super::schema::going_on;
use super::{Trained, TrainingProgress};
use augment::{Candidate, draw};
use describe::describe;
use ndarray::{Array2, ArrayView2};
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use rayon::prelude::*;
use serde_json::Value;
use std::collections::HashSet;
use twinspire_towers::Towers;
use twinspire_towers::internals::Model;

/// Learns both towers from the data, relevance being what the teacher says; gives those that score as
/// the settings say. `progress` is told after every batch.
///
/// ```
/// # mod twinspire { pub use twinspire_towers::*; pub use twinspire_train as train; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::json;
/// use twinspire::Event;
/// use twinspire::train::mobius::{Categories, Config, train};
/// use twinspire::train::Dataset;
///
/// let rating = |user: &str, item: &str, at, weight| Event {
///     user: user.into(),
///     item: item.into(),
///     at,
///     weight,
/// };
/// let data = Dataset {
///     items: vec![
///         json!({"id": "alien", "genres": ["horror", "space"]}),
///         json!({"id": "solaris", "genres": ["space"]}),
///         json!({"id": "amelie", "genres": ["romance"]}),
///     ],
///     users: vec![],
///     events: vec![
///         rating("ann", "alien", 1, 5.0),
///         rating("ann", "solaris", 2, 4.0),
///         rating("bob", "amelie", 1, 5.0),
///         rating("bob", "alien", 2, 2.0),
///     ],
/// };
/// let config = Config { click: 4.0, part: 8, epochs: 3, ..Config::default() };
/// let teacher = Categories::new(&data, &["genres".into()], config.click)?;
/// let towers = train(&data, &teacher, &config, |_| {})?.towers;
/// let user = towers.embed_user(&json!({"user_id": "ann", "history": ["alien"]}))?;
/// assert_eq!(user.len(), 8);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`TrainError`] names the record, event or setting at fault.
pub fn train(
    data: &Dataset,
    teacher: &dyn Teacher,
    config: &Config,
    progress: impl FnMut(TrainingProgress),
) -> Result<Trained, TrainError> {
    train_from(None, data, teacher, config, progress)?.trained()
}

/// As [`train`], but gives the student with all three parts, of which towers of any [`Score`] can be
/// cut. With `earlier`, the [parts](Student::parts) of an earlier student of the same kind, its weights
/// begin where those ended. Users, items and categories that they did not know are added to what they know;
/// all else has to be the same.
///
/// # Errors
/// As [`train`], and [`TrainError::WarmStart`] names what is different.
pub fn train_from(
    earlier: Option<&Towers>,
    data: &Dataset,
    teacher: &dyn Teacher,
    config: &Config,
    progress: impl FnMut(TrainingProgress),
) -> Result<Student, TrainError> {
    config.check()?;
    let mut course = Course::new(config.epochs, progress);
    let mut logs = Logs::new(data)?.of_at_least(config.click);
    let held_out = match config.patience {
        0 => Vec::new(),
        _ => logs.hold_out(config.hold_out, None),
    };
    let mut examples = logs.meetings();
    let mut weights = logs.met.iter().flatten().map(|(_, weight)| *weight);
    if !weights.any(|weight| weight >= config.click) {
        let what = "clicks: no event has the weight that the setting `click` asks for";
        return Err(TrainError::Empty { what });
    }
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    let (schema, trunks) = describe(data, &logs, config)?;
    let model = random(going_on(schema, earlier, &config.schema)?, &mut rng)?;
    let rule = Rule {
        method: config.optimiser,
        rate: config.learning_rate,
        decay: config.weight_decay,
        fresh: config.fresh_steps,
    };
    let network = Network::going_on(model, earlier, rule, false)?;
    let mut learner = Learner::new(network, &logs, teacher, config)?;
    course.expect(examples.len(), config.batch);
    let mut stopping = Stopping::new(config.patience);
    for _ in 1..=config.epochs {
        shuffle(&mut examples, &mut rng);
        for batch in examples.chunks(config.batch) {
            let loss = learner.learn(batch, &mut rng);
            course.batch(loss, batch.len())?;
        }
        course.end_pass();
        if !held_out.is_empty() {
            let hits = metrics(&learner.ranks(&learner.network.model, &held_out)).hit_10;
            course.validate("hit@10", hits);
            if !stopping.goes_on(hits, &learner.network) {
                break;
            }
        }
    }
    let (learnt, best) = stopping.best(&learner.network);
    let Trained { towers, mut report } = course.finish(&learnt, best)?;
    let ranks = learner.ranks(&learnt.model, &held_out);
    let reader = &learner.reader;
    report.deciles = reader.deciles(&learnt.model, &held_out, &ranks, |users| {
        config.score.apply(users)
    });
    Ok(Student {
        parts: towers,
        trunks,
        config: config.clone(),
        report,
    })
}

/// The features of some users as they are now, to ask trained towers with: the first of those who
/// clicked the most.
#[must_use]
pub fn queries(data: &Dataset, config: &Config, count: usize) -> Vec<Value> {
    let longest = config.history.iter().copied().max().unwrap_or(0);
    let logs = Logs::new(data).map(|logs| logs.of_at_least(config.click));
    logs.map_or_else(|_| Vec::new(), |logs| logs.busiest(count, longest))
}

/// Everything a step needs.
struct Learner<'a> {
    network: Network,
    reader: Reader<'a>,
    pairing: Pairing<'a>,
    memory: Memory,
}

/// Which users and items of a batch could be bad cases.
struct Pairing<'a> {
    logs: &'a Logs,
    /// What each user met, whatever came of it.
    met: Vec<HashSet<u32>>,
    teacher: &'a dyn Teacher,
    config: &'a Config,
}

impl<'a> Learner<'a> {
    fn new(
        network: Network,
        logs: &'a Logs,
        teacher: &'a dyn Teacher,
        config: &'a Config,
    ) -> Result<Self, TrainError> {
        let met = (0..logs.users.len() as u32).map(|user| logs.met_by(user));
        Ok(Self {
            reader: Reader::new(&network.model, logs, &config.history, config.id_dropout)?,
            network,
            pairing: Pairing {
                met: met.collect(),
                logs,
                teacher,
                config,
            },
            memory: Memory::default(),
        })
    }

    /// One step; gives the mean loss of the buffer.
    fn learn(&mut self, examples: &[Example], rng: &mut Pcg64Mcg) -> f32 {
        let Memory {
            users,
            items,
            columns,
        } = &mut self.memory;
        let Pairing { logs, config, .. } = self.pairing;
        columns.clear(self.reader.items());
        let mut pairs = Vec::with_capacity(examples.len() * 2);
        for (row, example) in examples.iter().enumerate() {
            let (item, weight) = logs.met[example.user as usize][example.at as usize];
            let class = match weight >= config.click {
                true => Class::Click,
                false => Class::Unclick,
            };
            pairs.push(pair(row, columns.of(item) as usize, class));
        }
        let each = examples.iter().copied().map(Some);
        self.reader.learnt_users(each, rng, users);
        self.reader.learnt_items(&columns.items, rng, items);
        let count = (config.bad * examples.len() as f32).round() as usize;
        self.network.learn(users, items, |users, items| {
            if count > 0 {
                let pairing = &self.pairing;
                let candidates = pairing.candidates(examples, &columns.items, users, items);
                let bad = draw(&candidates, count, config.draw, rng).into_iter();
                pairs.extend(bad.map(|bad| pair(bad.user as usize, bad.item as usize, Class::Bad)));
            }
            softmax(users, items, &pairs, config.gamma)
        })
    }

    /// The ranks of held-out clicks for their users by the score of the settings, among the items that the
    /// user had not met before.
    fn ranks(&self, model: &Model, held_out: &[HeldOut]) -> Vec<Option<usize>> {
        let met = |user: u32| self.pairing.met[user as usize].clone();
        let score = |users: &mut Array2<f32>| self.pairing.config.score.apply(users);
        self.reader.ranks(model, held_out, met, score)
    }
}

impl Pairing<'_> {
    /// Of all users and items of a batch the pairs of low relevance that never met.
    fn candidates(
        &self,
        examples: &[Example],
        items: &[u32],
        user_vectors: ArrayView2<'_, f32>,
        item_vectors: ArrayView2<'_, f32>,
    ) -> Vec<Candidate> {
        let clicks = click_probabilities(user_vectors, item_vectors, self.config.gamma);
        let ids = items.iter().map(|item| &*self.logs.items[*item as usize].0);
        let ids: Vec<&str> = ids.collect();
        let rows = examples.par_iter().enumerate();
        let each = rows.flat_map_iter(|(row, example)| {
            let user = example.user as usize;
            let relevance = self.teacher.relevance(&self.logs.users[user].0, &ids);
            let columns = relevance.into_iter().zip(items).enumerate();
            let low = columns.filter(|(_, (relevance, item))| {
                *relevance < self.config.relevance && !self.met[user].contains(item)
            });
            let low = low.map(|(column, _)| Candidate {
                user: row as u32,
                item: column as u32,
                click: clicks[[row, column]],
            });
            low.collect::<Vec<_>>()
        });
        each.collect()
    }
}

/// A pair that counts once.
fn pair(user: usize, item: usize, class: Class) -> Pair {
    Pair {
        user,
        item,
        class,
        weight: 1.0,
    }
}

#[cfg(test)]
mod tests;
