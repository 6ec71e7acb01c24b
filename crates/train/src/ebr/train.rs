//! Entry points of the recipe.

use super::config::Config;
use super::describe::describe;
use super::examples::{Example, Examples};
use super::negatives::Mix;
use super::recipe::Ebr;
use crate::checkpoint::{CheckpointDirectory, Fingerprint};
use crate::data_report::{DataReport, check_ids};
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::error_reason::MissingData;
use crate::meter::Meter;
use crate::nn::{Network, random};
use crate::schema::extend_schema;
use crate::trained::Trained;
use crate::training_loop::{Course, Stage};
use crate::training_progress::{IntoControlFlow, TrainingProgress};
use crate::unknown_ids::UnknownIds;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use twinspire_towers::{MinedPair, Towers};

/// Trains both towers on the data, with random negatives. `progress` is called after every batch and
/// [may cancel](IntoControlFlow).
///
/// ```
/// # mod twinspire { pub use twinspire_towers::*; pub use twinspire_train as train; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::json;
/// use twinspire::train::{Dataset, TrainParams, ebr};
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
/// let training = TrainParams { epochs: 2, ..ebr::TRAINING };
/// let config = ebr::Config { dimension: 8, training, ..ebr::Config::default() };
/// let towers = ebr::train(&data, &config, |_| {})?.towers;
/// assert_eq!(towers.dimension(), 8);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`TrainError`] names the record, event or setting at fault.
pub fn train<C: IntoControlFlow>(
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Trained, TrainError> {
    train_mined(None, data, [], config, progress)
}

/// As [`train`], with a warm start from the weights of earlier towers with the same settings. New users,
/// items and categories are added to their vocabularies.
///
/// # Errors
/// As [`train`], and [`TrainError::WarmStart`] names what differs.
pub fn train_from<C: IntoControlFlow>(
    earlier: Option<&Towers>,
    data: &Dataset,
    config: &Config,
    progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Trained, TrainError> {
    train_mined(earlier, data, [], config, progress)
}

/// As [`train_from`], with negatives that a database mined with an earlier model (`Database::mine`). They
/// are matched to the events of the log by `user_id` and `positive`. A pair that the log does not have
/// becomes an example of its own, with the user as it is given.
///
/// # Errors
/// As [`train_from`]. [`TrainError::Mined`] names a pair that cannot be learnt from, and
/// [`TrainError::Empty`] is returned when the training uses mined negatives alone and none were given.
pub fn train_mined<C: IntoControlFlow>(
    earlier: Option<&Towers>,
    data: &Dataset,
    mined: impl IntoIterator<Item = MinedPair>,
    config: &Config,
    progress: impl FnMut(TrainingProgress) -> C,
) -> Result<Trained, TrainError> {
    config.check()?;
    let meter = Meter::start(progress);
    let unknown_ids = check_ids(data, config.training.max_unknown_ids)?;
    let examples = Examples::new(data, mined, config)?;
    let source = Source {
        data,
        examples: &examples,
        unknown_ids: &unknown_ids,
    };
    Ok(course(source, earlier, config, meter)?.run()?.0)
}

/// What a course learns from, besides its settings.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) data: &'a Dataset,
    pub(super) examples: &'a Examples,
    pub(super) unknown_ids: &'a [UnknownIds],
}

/// A course that has read everything and learnt nothing yet.
pub(super) fn course<'a, C: IntoControlFlow, P: FnMut(TrainingProgress) -> C>(
    source: Source<'a>,
    earlier: Option<&Towers>,
    config: &Config,
    mut meter: Meter<P>,
) -> Result<Course<Ebr<'a>, P>, TrainError> {
    let Source { data, examples, .. } = source;
    let stages = stages(examples, config)?;
    let mut rng = Pcg64Mcg::seed_from_u64(config.training.seed);
    let schema = describe(data, &examples.logs, config)?;
    let schema = extend_schema(schema, earlier, &config.log.schema)?;
    meter.set_data(DataReport::new(data, &schema, source.unknown_ids.to_vec()));
    let model = random(schema, &mut rng)?;
    let optimiser = config.training.optimiser(0.0);
    let network = Network::warm_start(model, earlier, optimiser, false)?;
    let network = network.with_average(config.average);
    let recipe = Ebr::new(&network.model, examples, config)?;
    let checkpoint = CheckpointDirectory::of(config.training.checkpoint.as_deref(), || {
        Fingerprint::new("ebr", config)
            .data(data)
            .earlier(earlier)
            .with(&examples.all_mined())
            .value()
    });
    Course::new(recipe, network, stages, &config.training, rng, meter)?.with_checkpoint(checkpoint)
}

/// A warm-up stage on mined negatives alone, and the main one on the mix of the settings.
fn stages(examples: &Examples, config: &Config) -> Result<Vec<Stage<Example, Mix>>, TrainError> {
    let all = examples.all.iter().copied();
    let mined = all.filter(|example| !examples.mined(*example).is_empty());
    let mined: Vec<Example> = mined.collect();
    if mined.is_empty() && (config.easy == 0 || config.hard_passes > 0) {
        let missing = MissingData::MinedNegatives;
        return Err(TrainError::Empty { missing });
    }
    let main = match config.easy {
        0 => mined.clone(),
        _ => examples.all.clone(),
    };
    let mix = Mix {
        easy: config.easy,
        hard: config.hard,
        negatives: config.negatives,
    };
    let mined_alone = Mix {
        easy: 0,
        hard: 1,
        ..mix
    };
    let warm_up = Stage {
        warm_up: true,
        ..Stage::new(mined, config.hard_passes, mined_alone)
    };
    Ok(vec![warm_up, Stage::new(main, config.training.epochs, mix)])
}

/// Sample queries for trained towers: the features, as they are now, of the `count` most active users.
#[must_use]
pub fn queries(data: &Dataset, config: &Config, count: usize) -> Vec<Value> {
    let longest = config.longest_history();
    let logs = config.log.logs_of(data);
    logs.map_or_else(|_| Vec::new(), |logs| logs.most_active(count, longest))
}
