//! Entry points of the recipe.

use super::config::Config;
use super::describe::{describe, init_tables};
use super::examples::Examples;
use super::recipe::Dssm;
use crate::checkpoint::{CheckpointDirectory, Fingerprint};
use crate::data_report::{DataReport, check_ids};
use crate::dataset::Dataset;
use crate::error::TrainError;
use crate::error_reason::MissingData;
use crate::meter::Meter;
use crate::nn::{Network, random};
use crate::trained::Trained;
use crate::training_loop::{Course, Stage};
use crate::training_progress::{IntoControlFlow, TrainingProgress};
use crate::unknown_ids::UnknownIds;
use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde_json::Value;
use twinspire_towers::Towers;

/// Maximum number of held-out examples that are ranked after each epoch.
const MAX_HELD_OUT: usize = 2000;

/// Trains both towers on the data. `progress` is called after every batch and
/// [may cancel](IntoControlFlow).
///
/// ```
/// # mod twinspire { pub use twinspire_towers::*; pub use twinspire_train as train; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::{Value, json};
/// use twinspire::train::{Dataset, TrainParams, dssm};
///
/// let documents = Dataset {
///     items: vec![
///         json!({"id": "1", "text": "Heat of thin wings. The heat in a thin wing grows with its speed."}),
///         json!({"id": "2", "text": "Shocks at blunt bodies. A shock stands before a blunt body."}),
///     ],
///     ..Dataset::default()
/// };
/// let training = TrainParams { epochs: 3, ..dssm::TRAINING };
/// let config = dssm::Config { dimension: 8, hidden: vec![], training, ..dssm::Config::default() };
/// let towers = dssm::train(&documents, &config, |_| {})?.towers;
/// let query = towers.embed_user(&json!({"query": "how hot is a thin wing?"}))?;
/// assert_eq!(query.len(), 8);
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
    train_from(None, data, config, progress)
}

/// As [`train`], with a warm start from the weights of earlier towers with the same settings.
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
    let config = &config.with_fields(data, earlier)?;
    let meter = Meter::start(progress);
    let unknown_ids = check_ids(data, config.training.max_unknown_ids)?;
    let texts = Examples::new(data, config)?;
    let source = Source {
        data,
        texts: &texts,
        unknown_ids: &unknown_ids,
    };
    Ok(course(source, earlier, config, meter)?.run()?.0)
}

/// What a course learns from, besides its settings.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) data: &'a Dataset,
    pub(super) texts: &'a Examples,
    pub(super) unknown_ids: &'a [UnknownIds],
}

/// A course that has read everything and learnt nothing yet.
pub(super) fn course<'a, C: IntoControlFlow, P: FnMut(TrainingProgress) -> C>(
    source: Source<'a>,
    earlier: Option<&Towers>,
    config: &Config,
    mut meter: Meter<P>,
) -> Result<Course<Dssm<'a>, P>, TrainError> {
    let Source { data, texts, .. } = source;
    let mut rng = Pcg64Mcg::seed_from_u64(config.training.seed);
    let share = match config.training.patience {
        0 => 0.0,
        _ => config.held_out,
    };
    let (examples, mut held_out) = texts.split(share, &mut rng);
    if examples.is_empty() {
        let missing = MissingData::Texts;
        return Err(TrainError::Empty { missing });
    }
    let pool = texts.pool(&held_out);
    held_out.truncate(MAX_HELD_OUT);
    let schema = describe(config)?;
    meter.set_data(DataReport::new(data, &schema, source.unknown_ids.to_vec()));
    let mut model = random(schema, &mut rng)?;
    init_tables(&mut model, &mut rng);
    let optimiser = config.training.optimiser(0.0);
    let network = Network::warm_start(model, earlier, optimiser, config.shared)?;
    let network = network.with_average(config.average);
    let stages = vec![Stage::new(examples, config.training.epochs, ())];
    let recipe = Dssm::new(texts, held_out, pool, config.clone());
    let checkpoint = CheckpointDirectory::of(config.training.checkpoint.as_deref(), || {
        Fingerprint::new("dssm", config)
            .data(data)
            .earlier(earlier)
            .value()
    });
    Course::new(recipe, network, stages, &config.training, rng, meter)?.with_checkpoint(checkpoint)
}

/// Sample queries for trained towers: those of the log, or first sentences of documents. For towers with a
/// warm start, pass the settings of [`Config::with_fields`], which name the fields that the towers read.
#[must_use]
pub fn queries(data: &Dataset, config: &Config, count: usize) -> Vec<Value> {
    let config = config.resolved(data, None);
    let texts = config.and_then(|config| Examples::new(data, &config));
    let mut queries = texts.map_or_else(|_| Vec::new(), |texts| texts.queries());
    queries.truncate(count);
    queries
}
