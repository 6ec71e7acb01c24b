//! Entry points of the recipe.

use super::config::{Config, Start};
use super::describe::describe;
use super::recipe::Youtube;
use super::start::start;
use super::weights::weights;
use crate::baselines::compare;
use crate::blend::{HISTORY, Parts, attach, detach, ranks_of};
use crate::checkpoint::{CheckpointDirectory, Fingerprint};
use crate::data_report::{DataReport, check_ids};
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::error_reason::MissingData;
use crate::frequency::Frequency;
use crate::hold_out::HeldOut;
use crate::meter::Meter;
use crate::nn::{Network, random};
use crate::reader::Reader;
use crate::sampler::{Example, Logs};
use crate::schema::extend_schema;
use crate::trained::Trained;
use crate::training_loop::{Course, Stage};
use crate::training_progress::{IntoControlFlow, TrainingProgress};
use crate::unknown_ids::UnknownIds;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use twinspire_towers::Towers;

/// Trains both towers on the data. `progress` is called after every batch and
/// [may cancel](IntoControlFlow).
///
/// # Errors
/// [`TrainError`] names the record, event or setting at fault.
pub fn train<C: IntoControlFlow>(
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Trained, TrainError> {
    train_from(None, data, config, progress)
}

/// As [`train`], with a warm start from earlier towers: their weights and, where they were kept, their
/// frequency estimate and optimiser state. New users, items and categories are added to their
/// vocabularies; everything else has to be the same.
///
/// The next day, with only the new event to learn from:
///
/// ```
/// # mod twinspire { pub use twinspire_towers::*; pub use twinspire_train as train; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::json;
/// use twinspire::Event;
/// use twinspire::train::{Dataset, TrainParams, youtube};
///
/// let met = |user: &str, item: &str, at| Event {
///     user: user.to_owned(), item: item.to_owned(), at, weight: 1.0
/// };
/// let mut data = Dataset {
///     items: vec![json!({"id": "a"}), json!({"id": "b"})],
///     users: vec![],
///     events: vec![met("u", "a", 0), met("u", "b", 10), met("v", "b", 20)],
/// };
/// let training = TrainParams { epochs: 1, ..youtube::TRAINING };
/// let config = youtube::Config { dimension: 4, training, ..youtube::Config::default() };
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
/// As [`train`], and [`TrainError::WarmStart`] names what differs.
pub fn train_from<C: IntoControlFlow>(
    earlier: Option<&Towers>,
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Trained, TrainError> {
    config.check()?;
    let meter = Meter::start(progress);
    let unknown_ids = check_ids(data, config.training.max_unknown_ids)?;
    let mut logs = config.log.logs_of(data)?;
    let held_out = config
        .log
        .take_holdout(&mut logs, &config.training, config.since);
    let source = Source {
        data,
        logs: &logs,
        held_out: &held_out,
        unknown_ids: &unknown_ids,
    };
    let learnt = match (earlier, config.blend) {
        (Some(earlier), Some(_)) => detach(earlier)?,
        _ => None,
    };
    let course = course(source, learnt.as_ref().or(earlier), config, meter)?;
    let (mut trained, recipe) = course.run()?;
    if config.frequency_rate > 0.0 {
        trained.towers = trained.towers.with_frequency(&recipe.into_frequency());
    }
    if let Some(blend) = &config.blend {
        let parts = Parts::new(&logs, config.factors, config.training.seed);
        trained.towers = attach(&trained.towers, &logs, &parts, blend)?;
        let longest = HISTORY.max(config.log.longest_history());
        let ranks = ranks_of(&trained.towers, &logs, &held_out, longest);
        trained.report.baselines = compare(&logs, &held_out, &ranks);
    }
    Ok(trained)
}

/// What a course learns from, besides its settings.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) data: &'a Dataset,
    /// The logs without the holdout.
    pub(super) logs: &'a Logs,
    pub(super) held_out: &'a [HeldOut],
    pub(super) unknown_ids: &'a [UnknownIds],
}

/// A course that has read everything and learnt nothing yet.
pub(super) fn course<'a, C: IntoControlFlow, P: FnMut(TrainingProgress) -> C>(
    source: Source<'a>,
    earlier: Option<&Towers>,
    config: &Config,
    mut meter: Meter<P>,
) -> Result<Course<Youtube<'a>, P>, TrainError> {
    let Source { data, logs, .. } = source;
    let mut rng = Pcg64Mcg::seed_from_u64(config.training.seed);
    let schema = describe(data, logs, config)?;
    let schema = extend_schema(schema, earlier, &config.log.schema)?;
    meter.set_data(DataReport::new(data, &schema, source.unknown_ids.to_vec()));
    let frequency = frequency(config, earlier)?;
    let mut model = random(schema, &mut rng)?;
    let weights = weights(logs, config);
    let has_means = !config.log.history.is_empty();
    if config.start == Start::Cooccurrence && config.log.hidden.is_empty() && has_means {
        let longest = config.log.history.iter().zip(0..).max();
        let longest = longest.map_or(0, |(_, at)| at);
        start(&mut model, logs, &weights, longest, config.training.seed);
    }
    let optimiser = config.training.optimiser(config.weight_decay);
    let network = Network::warm_start(model, earlier, optimiser, false)?;
    let reader = Reader::new(&network.model, logs, &config.log)?;
    let stages = stages(logs, &weights, config)?;
    let held_out = source.held_out.to_vec();
    let recipe = Youtube::new(reader, logs, held_out, config.clone(), frequency, weights);
    let checkpoint = CheckpointDirectory::of(config.training.checkpoint.as_deref(), || {
        Fingerprint::new("youtube", config)
            .data(data)
            .earlier(earlier)
            .value()
    });
    Course::new(recipe, network, stages, &config.training, rng, meter)?.with_checkpoint(checkpoint)
}

/// The frequency estimator, resumed from earlier towers that have one.
fn frequency(config: &Config, earlier: Option<&Towers>) -> Result<Frequency, TrainError> {
    let (cells, hashes) = (config.frequency_cells, config.frequency_hashes);
    let mut frequency = Frequency::new(cells, hashes, config.frequency_rate)?;
    if let Some(earlier) = earlier
        && let Some(state) = earlier.frequency()?
        && config.frequency_rate > 0.0
    {
        frequency.resume(&state)?;
    }
    Ok(frequency)
}

/// One stage for each window, or one of all new events. The settings of a stage are the time up to which
/// events are known.
fn stages(
    logs: &Logs,
    weights: &[Vec<f32>],
    config: &Config,
) -> Result<Vec<Stage<Example, Option<i64>>>, TrainError> {
    let mut examples = logs.interactions();
    examples.retain(|example| weights[example.user as usize][example.at as usize] > 0.0);
    if let Some(since) = config.since {
        examples.retain(|example| logs.time(*example) >= since);
    }
    if examples.is_empty() {
        let missing = MissingData::NewEvents;
        return Err(TrainError::Empty { missing });
    }
    let epochs = config.training.epochs;
    if config.window == 0 {
        return Ok(vec![Stage::new(examples, epochs, None)]);
    }
    let windows = logs.windows(&mut examples, config.window).into_iter();
    let stages = windows.map(|examples| {
        let until = examples.last().map(|last| logs.time(*last));
        Stage::new(examples, epochs, until)
    });
    Ok(stages.collect())
}

/// Sample queries for trained towers: the features, as they are now, of the `count` most active users.
#[must_use]
pub fn queries(data: &Dataset, config: &Config, count: usize) -> Vec<Value> {
    let longest = config.log.longest_history();
    let logs = config.log.logs_of(data);
    logs.map_or_else(|_| Vec::new(), |logs| logs.most_active(count, longest))
}
