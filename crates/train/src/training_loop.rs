//! The training loop of all recipes: shuffled epochs of mini-batches, validation, early stopping and
//! checkpoints.
//!
//! A [`Recipe`] supplies what differs: the examples, the negatives and the loss of a batch, and how a
//! model is validated. A [`Course`] does the rest. Calls into a recipe are per batch and per epoch, never per
//! example, and are statically dispatched.

use super::baselines::Comparison;
use super::checkpoint::{BestState, CheckpointDirectory, CourseState, pack_rng, unpack_rng};
use super::early_stopping::{EarlyStopping, Verdict};
use super::error::TrainError;
use super::meter::Meter;
use super::nn::{Network, weights};
use super::popularity::Decile;
use super::shuffle::shuffle;
use super::train_params::TrainParams;
use super::trained::Trained;
use super::training_progress::{IntoControlFlow, TrainingProgress};
use rand_pcg::Pcg64Mcg;
use twinspire_core::telemetry;
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

    /// Shuffles the examples of an epoch.
    fn shuffle(&self, examples: &mut [Self::Example], rng: &mut Pcg64Mcg) {
        shuffle(examples, rng);
    }

    /// The validation metric of a model for each event of the holdout; empty without one.
    fn validate(&self, model: &Model) -> Vec<f64>;

    /// Keeps the state of the recipe that belongs to the weights: called after the best epoch so far.
    fn keep_best(&mut self) {}

    /// The state of the recipe, for a checkpoint: what later batches or the result depend on.
    fn state(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Continues from a [`state`](Self::state). Returns whether it was one.
    fn restore(&mut self, state: &[u8]) -> bool {
        state.is_empty()
    }

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

/// A training that runs an epoch at a time, over one stage after the other.
pub(crate) struct Course<R: Recipe, P> {
    recipe: R,
    network: Network,
    stages: Vec<Stage<R::Example, R::Settings>>,
    batch: usize,
    rng: Pcg64Mcg,
    meter: Meter<P>,
    stopping: EarlyStopping,
    /// The stage of the next epoch, and the epochs of it that are done.
    next: (usize, usize),
    /// The validation metric of the best epoch for each event of the holdout.
    best_values: Vec<f64>,
    checkpoint: Option<CheckpointDirectory>,
    /// For each epoch its stage, and the generator before its shuffle.
    shuffles: Vec<(usize, Pcg64Mcg)>,
}

impl<R: Recipe, C: IntoControlFlow, P: FnMut(TrainingProgress) -> C> Course<R, P> {
    /// A training at its start.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`] if the caller cancels.
    pub(crate) fn new(
        recipe: R,
        network: Network,
        stages: Vec<Stage<R::Example, R::Settings>>,
        params: &TrainParams,
        rng: Pcg64Mcg,
        mut meter: Meter<P>,
    ) -> Result<Self, TrainError> {
        let batches =
            |stage: &Stage<_, _>| stage.examples.len().div_ceil(params.batch) * stage.epochs;
        let kept = stages.iter().filter(|stage| !stage.warm_up);
        meter.begin(
            stages.iter().map(|stage| stage.epochs).sum(),
            stages.iter().map(batches).sum::<usize>() as u64,
            kept.map(|stage| stage.examples.len() as u64).sum(),
        )?;
        Ok(Self {
            stopping: EarlyStopping::new(params.patience),
            next: (0, 0),
            best_values: Vec::new(),
            checkpoint: None,
            shuffles: Vec::new(),
            recipe,
            network,
            stages,
            batch: params.batch,
            rng,
            meter,
        })
    }

    /// Saves the state to a directory after each epoch, and continues from the state that is there.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if it cannot be read or belongs to another training.
    pub(crate) fn with_checkpoint(
        mut self,
        checkpoint: Option<CheckpointDirectory>,
    ) -> Result<Self, TrainError> {
        if let Some(directory) = &checkpoint
            && let Some(state) = directory.read_state()?
        {
            self.restore(state)
                .map_err(|what| directory.misfit(&what))?;
        }
        self.checkpoint = checkpoint;
        Ok(self)
    }

    /// Runs the next epoch, validates and saves the state. Returns false once all are done, or early stopping or the
    /// caller has ended the training.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss is not finite, [`TrainError::Cancelled`] if the caller cancels,
    /// [`TrainError::Checkpoint`] if the state cannot be saved.
    pub(crate) fn epoch(&mut self) -> Result<bool, TrainError> {
        if self.meter.is_stopped() {
            return Ok(false);
        }
        let (mut at, mut done) = self.next;
        while self
            .stages
            .get(at)
            .is_some_and(|stage| done >= stage.epochs)
        {
            (at, done) = (at + 1, 0);
        }
        let Some(stage) = self.stages.get_mut(at) else {
            return Ok(false);
        };
        self.next = (at, done + 1);
        let Self {
            recipe,
            network,
            rng,
            meter,
            stopping,
            shuffles,
            ..
        } = self;
        let span = telemetry::info_span!(
            "epoch",
            examples = stage.examples.len(),
            metric = telemetry::Empty
        );
        let _entered = span.clone().entered();
        shuffles.push((at, rng.clone()));
        recipe.shuffle(&mut stage.examples, rng);
        for batch in stage.examples.chunks(self.batch) {
            let loss = recipe.learn(network, batch, &stage.settings, rng);
            meter.end_batch(loss, batch.len())?;
            if meter.is_stopped() {
                meter.end_epoch();
                return Ok(false);
            }
        }
        let epoch = meter.end_epoch();
        let values = recipe.validate(network.trained_model());
        if !values.is_empty() {
            let metric = values.iter().sum::<f64>() / values.len() as f64;
            meter.end_validation(R::METRIC, metric);
            span.record("metric", metric);
            if !stage.warm_up {
                match stopping.observe(epoch, metric, network) {
                    Verdict::Improved => {
                        recipe.keep_best();
                        self.best_values = values;
                    }
                    Verdict::Waiting => {}
                    Verdict::Exhausted => self.next = (self.stages.len(), 0),
                }
            }
        }
        if let Some(directory) = &self.checkpoint {
            directory.write_state(&self.state())?;
        }
        Ok(true)
    }

    /// The state between two epochs.
    fn state(&self) -> CourseState {
        let shuffles = self.shuffles.iter();
        let best = self.stopping.best();
        CourseState {
            next: self.next,
            shuffles: shuffles.map(|(at, rng)| (*at, pack_rng(rng))).collect(),
            rng: pack_rng(&self.rng),
            network: self.network.state(),
            best: best.map(|(metric, epoch, checkpoint)| BestState {
                metric,
                epoch,
                weights: weights(&checkpoint.model),
                steps: checkpoint.optimiser.steps,
                squares: checkpoint.optimiser.squares.clone(),
                values: self.best_values.clone(),
            }),
            meter: self.meter.state(),
            recipe: self.recipe.state(),
        }
    }

    /// Continues from a state. The error says what does not fit.
    fn restore(&mut self, state: CourseState) -> Result<(), String> {
        let misfit = |what: &str| Err(format!("its {what} do not fit this training"));
        for (at, rng) in &state.shuffles {
            let (Some(stage), Some(rng)) = (self.stages.get_mut(*at), unpack_rng(rng)) else {
                return misfit("epochs");
            };
            self.shuffles.push((*at, rng.clone()));
            self.recipe.shuffle(&mut stage.examples, &mut rng.clone());
        }
        let Some(rng) = unpack_rng(&state.rng) else {
            return misfit("random numbers");
        };
        self.rng = rng;
        if let Some(best) = state.best {
            let found = self
                .network
                .checkpoint_of(&best.weights, best.steps, best.squares);
            let Some(checkpoint) = found else {
                return misfit("best weights");
            };
            self.stopping.restore(best.metric, best.epoch, checkpoint);
            self.best_values = best.values;
        }
        if !self.network.restore(state.network) {
            return misfit("weights");
        }
        if !self.recipe.restore(&state.recipe) {
            return misfit("counts");
        }
        self.meter.restore(state.meter, R::METRIC);
        self.next = state.next;
        Ok(())
    }

    /// The validation metric after each epoch so far.
    pub(crate) fn validations(&self) -> &[f64] {
        self.meter.validations()
    }

    /// The validation metric of the best epoch for each event of the holdout.
    pub(crate) fn best_values(&self) -> &[f64] {
        &self.best_values
    }

    /// Trains to the end, and [finishes](Self::finish).
    ///
    /// # Errors
    /// As [`epoch`](Self::epoch) and [`finish`](Self::finish).
    pub(crate) fn run(mut self) -> Result<(Trained, R), TrainError> {
        let _span = telemetry::info_span!("train", metric = R::METRIC).entered();
        while self.epoch()? {}
        self.finish()
    }

    /// The towers of the best epoch, or of the last one without a holdout, and the recipe.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`] if the caller stopped the training before the first batch.
    /// [`TrainError::Towers`] if the model is not a valid pair of towers.
    pub(crate) fn finish(self) -> Result<(Trained, R), TrainError> {
        if self.meter.is_stopped() && self.meter.is_at_start() {
            return Err(TrainError::Cancelled);
        }
        let (best, epoch) = self.stopping.into_best(&self.network);
        let mut trained = self.meter.finish(&best, epoch)?;
        let examples = self.stages.last().map_or(&[][..], |stage| &stage.examples);
        trained.report.baselines = self.recipe.compare(&best.model);
        trained.report.deciles = self.recipe.deciles(&best.model, examples);
        Ok((trained, self.recipe))
    }
}
