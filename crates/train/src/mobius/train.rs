//! Entry points of the recipe.

use super::config::Config;
use super::describe::{Trunks, describe};
use super::recipe::Mobius;
use super::student::Student;
use super::teacher::Teacher;
use crate::checkpoint::{CheckpointDirectory, Fingerprint};
use crate::data_report::{DataReport, check_ids};
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::error_reason::MissingData;
use crate::hold_out::HeldOut;
use crate::meter::Meter;
use crate::nn::{Network, random};
use crate::reader::Reader;
use crate::sampler::Logs;
use crate::schema::extend_schema;
use crate::trained::Trained;
use crate::training_loop::{Course, Stage};
use crate::training_progress::{IntoControlFlow, TrainingProgress};
use crate::unknown_ids::UnknownIds;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use twinspire_towers::Towers;

/// Trains both towers on the data under a teacher of relevance, and returns the towers that
/// [score](Config::score) as configured. `progress` is called after every batch and
/// [may cancel](IntoControlFlow).
///
/// ```
/// # mod twinspire { pub use twinspire_towers::*; pub use twinspire_train as train; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::json;
/// use twinspire::Event;
/// use twinspire::train::mobius::{Categories, Config, TRAINING, train};
/// use twinspire::train::{Dataset, TrainParams};
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
/// let training = TrainParams { epochs: 3, ..TRAINING };
/// let config = Config { click: 4.0, part: 8, training, ..Config::default() };
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
pub fn train<C: IntoControlFlow>(
    data: &Dataset,
    teacher: &dyn Teacher,
    config: &Config,
    progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Trained, TrainError> {
    train_from(None, data, teacher, config, progress)?.trained()
}

/// As [`train`], but returns the student with all three parts, from which towers of any
/// [`Score`](super::Score) can be cut. `earlier` are the [parts](Student::parts) of an earlier student of
/// the same kind, for a warm start. New users, items and categories are added to their vocabularies;
/// everything else has to be the same.
///
/// # Errors
/// As [`train`], and [`TrainError::WarmStart`] names what differs.
pub fn train_from<C: IntoControlFlow>(
    earlier: Option<&Towers>,
    data: &Dataset,
    teacher: &dyn Teacher,
    config: &Config,
    progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Student, TrainError> {
    config.check()?;
    let meter = Meter::start(progress);
    let unknown_ids = check_ids(data, config.training.max_unknown_ids)?;
    let mut logs = config.log.logs_of(data)?.with_min_reward(config.click);
    let held_out = config.log.take_holdout(&mut logs, &config.training, None);
    let source = Source {
        data,
        logs: &logs,
        held_out: &held_out,
        unknown_ids: &unknown_ids,
        teacher,
    };
    let (course, trunks) = course(source, earlier, config, meter)?;
    let (Trained { towers, report }, _) = course.run()?;
    Ok(Student {
        parts: towers,
        trunks,
        config: config.clone(),
        report,
    })
}

/// What a course learns from, besides its settings.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) data: &'a Dataset,
    /// The logs without the holdout.
    pub(super) logs: &'a Logs,
    pub(super) held_out: &'a [HeldOut],
    pub(super) unknown_ids: &'a [UnknownIds],
    pub(super) teacher: &'a dyn Teacher,
}

/// A course that has read everything and learnt nothing yet, and the layers before the three parts.
pub(super) fn course<'a, C: IntoControlFlow, P: FnMut(TrainingProgress) -> C>(
    source: Source<'a>,
    earlier: Option<&Towers>,
    config: &Config,
    mut meter: Meter<P>,
) -> Result<(Course<Mobius<'a>, P>, Trunks), TrainError> {
    let Source { data, logs, .. } = source;
    let mut weights = logs.seen.iter().flatten().map(|(_, weight)| *weight);
    if !weights.any(|weight| weight >= config.click) {
        let missing = MissingData::Clicks;
        return Err(TrainError::Empty { missing });
    }
    let stages = vec![Stage::new(logs.interactions(), config.training.epochs, ())];
    let mut rng = Pcg64Mcg::seed_from_u64(config.training.seed);
    let (schema, trunks) = describe(data, logs, config)?;
    let schema = extend_schema(schema, earlier, &config.log.schema)?;
    meter.set_data(DataReport::new(data, &schema, source.unknown_ids.to_vec()));
    let model = random(schema, &mut rng)?;
    let optimiser = config.training.optimiser(config.weight_decay);
    let network = Network::warm_start(model, earlier, optimiser, false)?;
    let reader = Reader::new(&network.model, logs, &config.log)?;
    let held_out = source.held_out.to_vec();
    let recipe = Mobius::new(reader, logs, held_out, source.teacher, config);
    let checkpoint = CheckpointDirectory::of(config.training.checkpoint.as_deref(), || {
        Fingerprint::new("mobius", config)
            .data(data)
            .earlier(earlier)
            .value()
    });
    let course = Course::new(recipe, network, stages, &config.training, rng, meter)?
        .with_checkpoint(checkpoint)?;
    Ok((course, trunks))
}

/// Sample queries for trained towers: the features, as they are now, of the `count` users with the most
/// clicks.
#[must_use]
pub fn queries(data: &Dataset, config: &Config, count: usize) -> Vec<Value> {
    let longest = config.log.longest_history();
    let logs = config
        .log
        .logs_of(data)
        .map(|logs| logs.with_min_reward(config.click));
    logs.map_or_else(|_| Vec::new(), |logs| logs.most_active(count, longest))
}
