//! The training loop of all recipes: shuffled epochs of mini-batches, validation, checkpoints and early
//! stopping.
//!
//! A [`Recipe`] supplies what differs: the examples, the negatives and the loss of a batch, and how a
//! model is validated. [`fit`] does the rest. Calls into a recipe are per batch and per epoch, never per
//! example, and are statically dispatched.

use super::baselines::Comparison;
use super::early_stopping::{EarlyStopping, Verdict};
use super::error::TrainError;
use super::meter::Meter;
use super::nn::Network;
use super::popularity::Decile;
use super::sampler::shuffle;
use super::train_params::TrainParams;
use super::trained::Trained;
use super::training_progress::{IntoControlFlow, TrainingProgress};
use rand_pcg::Pcg64Mcg;
use twinspire_towers::internals::Model;

/// What a recipe alone knows.
pub(crate) trait Recipe {
    /// One training example, such as a user with an item.
    type Example;
    /// Settings that hold during one [`Stage`].
    type Settings;

    /// Name of the validation metric, larger being better.
    const METRIC: &'static str;

    /// Takes one optimiser step on a batch and returns its mean loss.
    fn learn(
        &mut self,
        network: &mut Network,
        batch: &[Self::Example],
        settings: &Self::Settings,
        rng: &mut Pcg64Mcg,
    ) -> f32;

    /// The validation metric of a model on the holdout; `None` without a holdout.
    fn validate(&self, model: &Model) -> Option<f64>;

    /// Saves state of the recipe that belongs to the weights: called after the best epoch so far.
    fn checkpoint(&mut self) {}

    /// The towers beside baselines on the holdout, if the recipe has logs.
    fn compare(&self, _model: &Model) -> Option<Comparison> {
        None
    }

    /// Recall by popularity. `examples` are those of the last stage.
    fn deciles(&self, model: &Model, examples: &[Self::Example]) -> Vec<Decile>;
}

/// Consecutive epochs over the same examples.
pub(crate) struct Stage<E, S> {
    pub(crate) examples: Vec<E>,
    pub(crate) epochs: usize,
    /// Settings of the recipe.
    pub(crate) settings: S,
    /// Whether the stage only prepares the next one: its epochs are validated, but never kept and never
    /// counted by early stopping.
    pub(crate) warm_up: bool,
}

impl<E, S> Stage<E, S> {
    /// A stage whose epochs may be kept.
    pub(crate) fn new(examples: Vec<E>, epochs: usize, settings: S) -> Self {
        Self {
            examples,
            epochs,
            settings,
            warm_up: false,
        }
    }
}

/// Trains `network` on the stages, one after the other, and returns the towers of the best epoch, or of
/// the last one without a holdout.
///
/// # Errors
/// [`TrainError::Diverged`] if the loss is not finite, [`TrainError::Cancelled`], [`TrainError::Towers`] if the model is not a valid
/// pair of towers.
pub(crate) fn fit<R: Recipe, C: IntoControlFlow>(
    recipe: &mut R,
    mut network: Network,
    stages: &mut [Stage<R::Example, R::Settings>],
    params: &TrainParams,
    rng: &mut Pcg64Mcg,
    mut meter: Meter<impl FnMut(TrainingProgress) -> C>,
) -> Result<Trained, TrainError> {
    let batches = |stage: &Stage<_, _>| stage.examples.len().div_ceil(params.batch) * stage.epochs;
    let kept = stages.iter().filter(|stage| !stage.warm_up);
    meter.begin(
        stages.iter().map(|stage| stage.epochs).sum(),
        stages.iter().map(batches).sum::<usize>() as u64,
        kept.map(|stage| stage.examples.len() as u64).sum(),
    )?;
    let mut stopping = EarlyStopping::new(params.patience);
    'stages: for stage in &mut *stages {
        for _ in 0..stage.epochs {
            shuffle(&mut stage.examples, rng);
            for batch in stage.examples.chunks(params.batch) {
                let loss = recipe.learn(&mut network, batch, &stage.settings, rng);
                meter.end_batch(loss, batch.len())?;
            }
            let epoch = meter.end_epoch();
            let Some(metric) = recipe.validate(network.trained_model()) else {
                continue;
            };
            meter.end_validation(R::METRIC, metric);
            if stage.warm_up {
                continue;
            }
            match stopping.observe(epoch, metric, &network) {
                Verdict::Improved => recipe.checkpoint(),
                Verdict::Waiting => {}
                Verdict::Exhausted => break 'stages,
            }
        }
    }
    let (best, epoch) = stopping.into_best(&network);
    let mut trained = meter.finish(&best, epoch)?;
    let examples = stages.last().map_or(&[][..], |stage| &stage.examples);
    trained.report.baselines = recipe.compare(&best.model);
    trained.report.deciles = recipe.deciles(&best.model, examples);
    Ok(trained)
}
