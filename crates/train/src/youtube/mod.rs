//! The YouTube two-tower recipe: sampling-bias-corrected neural modelling (Yi et al., RecSys 2019,
//! <https://doi.org/10.1145/3298689.3346996>).
//!
//! User side: the mean of the embeddings of the items met last (`history`, from the same table as
//! the item ids), the user id and every attribute found in the data. Item side: the id and every
//! attribute; titles by letter trigrams. The loss is a softmax over the items of the batch, each example
//! counting by the weight of its event (the paper's reward); as popular items are in a batch more often,
//! each score is corrected by the logarithm of the probability of that, estimated on the stream
//! ([`frequency`](super::frequency)). Unknown users and items are hashed into rows of their own, learnt by
//! hiding known ids now and then.
//!
//! # Day by day
//! With a [`window`](Config::window) the events are learnt from in order of time, each once. From one
//! training to the next, [`train_from`] takes over the weights, and the estimator goes on counting, for
//! its state is kept with the towers; with [`since`](Config::since) the older events make the histories
//! and only the new ones are learnt from. New users and items get rows of their own, which begin as the
//! rows of unknown ids that answered for them; nobody is forgotten, also who is not in today's data. The
//! steps go on as short as they had become.

mod config;
mod describe;
mod learner;

pub use config::Config;

use super::course::{Course, Stopping};
use super::dataset::Dataset;
use super::error::TrainError;
use super::evaluate::metrics;
use super::frequency::Frequency;
use super::network::{Network, random};
use super::optimiser::Rule;
use super::reader::Reader;
use super::sampler::{Logs, shuffle};
use super::schema::going_on;
use super::{Trained, TrainingProgress};
use describe::describe;
use learner::Learner;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use twinspire_towers::Towers;
use twinspire_towers::internals::FrequencyState;

/// Learns both towers from the data. `progress` is told after every batch.
///
/// # Errors
/// [`TrainError`] names the record, event or setting at fault.
pub fn train(
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(TrainingProgress),
) -> Result<Trained, TrainError> {
    train_from(None, data, config, progress)
}

/// As [`train`], but beginning where the training of earlier towers ended: with their weights, and with
/// their estimate of frequencies and the lengths of their steps if these were kept. Users, items and categories that they did not know are
/// added to what they know; all else has to be the same.
///
/// The next day, of which only the new event is learnt from:
///
/// ```
/// # mod twinspire { pub use twinspire_towers::*; pub use twinspire_train as train; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::json;
/// use twinspire::Event;
/// use twinspire::train::{Dataset, youtube};
///
/// let met = |user: &str, item: &str, at| Event {
///     user: user.to_owned(), item: item.to_owned(), at, weight: 1.0
/// };
/// let mut data = Dataset {
///     items: vec![json!({"id": "a"}), json!({"id": "b"})],
///     users: vec![],
///     events: vec![met("u", "a", 0), met("u", "b", 10), met("v", "b", 20)],
/// };
/// let config = youtube::Config { dimension: 4, epochs: 1, ..youtube::Config::default() };
/// let today = youtube::train(&data, &config, |_| {})?.towers;
///
/// let night = 86_400;
/// data.items.push(json!({"id": "new"}));
/// data.events.push(met("u", "new", night + 5));
/// let config = youtube::Config { since: Some(night), ..config };
/// let trained = youtube::train_from(Some(&today), &data, &config, |_| {})?;
/// assert_eq!(trained.report.examples, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`train`], and [`TrainError::WarmStart`] names what is different.
pub fn train_from(
    earlier: Option<&Towers>,
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(TrainingProgress),
) -> Result<Trained, TrainError> {
    config.check()?;
    let mut course = Course::new(config.epochs, progress);
    let mut logs = Logs::new(data)?;
    let held_out = match config.patience {
        0 => Vec::new(),
        _ => logs.hold_out(config.hold_out, config.since),
    };
    let mut rng = Pcg64Mcg::seed_from_u64(config.seed);
    let schema = describe(data, &logs, config)?;
    let schema = going_on(schema, earlier, &config.schema)?;
    let (cells, hashes) = (config.frequency_cells, config.frequency_hashes);
    let mut frequency = Frequency::new(cells, hashes, config.frequency_rate)?;
    if let Some(earlier) = earlier {
        let state = earlier.frequency()?.filter(|_| config.frequency_rate > 0.0);
        state.map_or(Ok(()), |state| frequency.resume(&state))?;
    }
    let model = random(schema, &mut rng)?;
    let rule = Rule {
        method: config.optimiser,
        rate: config.learning_rate,
        decay: config.weight_decay,
        fresh: config.fresh_steps,
    };
    let network = Network::going_on(model, earlier, rule, false)?;
    let reader = Reader::new(&network.model, &logs, &config.history, config.id_dropout)?;
    let mut learner = Learner::new(network, reader, &logs, config, frequency);
    let mut examples = logs.examples();
    if let Some(since) = config.since {
        examples.retain(|example| logs.time(*example) >= since);
    }
    if examples.is_empty() {
        let what = "events to learn from: none counts for anything and is as late as `since`";
        return Err(TrainError::Empty { what });
    }
    let mut windows = match config.window {
        0 => vec![examples],
        seconds => logs.windows(&mut examples, seconds),
    };
    let sizes: Vec<_> = windows.iter().map(Vec::len).collect();
    course.expect_windows(&sizes, config.batch);
    let mut stopping = Stopping::new(config.patience);
    // What had been counted when the best pass ended.
    let mut best: Option<(f64, FrequencyState)> = None;
    'all: for examples in &mut windows {
        if config.window > 0 {
            learner.until = examples.last().map(|last| logs.time(*last));
        }
        for _ in 1..=config.epochs {
            shuffle(examples, &mut rng);
            for batch in examples.chunks(config.batch) {
                let loss = learner.learn(batch, &mut rng);
                course.batch(loss, batch.len())?;
            }
            course.end_pass();
            if !held_out.is_empty() {
                let hits = metrics(&learner.ranks(&learner.network.model, &held_out)).hit_10;
                course.validate("hit@10", hits);
                if best.as_ref().is_none_or(|(most, _)| hits > *most) {
                    best = Some((hits, learner.frequency.state()));
                }
                if !stopping.goes_on(hits, &learner.network) {
                    break 'all;
                }
            }
        }
    }
    let counted = best.map_or_else(|| learner.frequency.state(), |(_, state)| state);
    let (learnt, best) = stopping.best(&learner.network);
    let mut trained = course.finish(&learnt, best)?;
    let ranks = learner.ranks(&learnt.model, &held_out);
    trained.report.deciles = learner
        .reader
        .deciles(&learnt.model, &held_out, &ranks, |_| {});
    if config.frequency_rate > 0.0 {
        trained.towers = trained.towers.with_frequency(&counted);
    }
    Ok(trained)
}

/// The features of some users as they are now, to ask trained towers with: the first of those who met
/// the most.
#[must_use]
pub fn queries(data: &Dataset, config: &Config, count: usize) -> Vec<Value> {
    let longest = config.history.iter().copied().max().unwrap_or(0);
    let logs = Logs::new(data);
    logs.map_or_else(|_| Vec::new(), |logs| logs.busiest(count, longest))
}

#[cfg(test)]
mod tests;
