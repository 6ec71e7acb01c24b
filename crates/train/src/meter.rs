//! Counts batches, losses and time of a training, and reports progress.

use super::checkpoint::MeterState;
use super::data_report::DataReport;
use super::error::TrainError;
use super::nn::Checkpoint;
use super::report::TrainingReport;
use super::trained::Trained;
use super::training_progress::{IntoControlFlow, StopTraining, TrainingProgress};
use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;
use twinspire_towers::Towers;

/// Measures a training from the moment of its creation.
pub(crate) struct Meter<P> {
    progress: P,
    data: Arc<DataReport>,
    started: Instant,
    /// Seconds of the run before a checkpoint.
    seconds_before: f64,
    /// Start of the current stretch of learning: reading and validation are not timed.
    learning_since: Instant,
    /// Seconds of learning in finished epochs.
    learning_seconds: f64,
    /// Current epoch, from 1.
    epoch: usize,
    epochs: usize,
    batches_done: u64,
    batches_total: u64,
    /// Examples in an epoch.
    examples_per_epoch: u64,
    /// Examples seen in all epochs so far.
    examples_seen: u64,
    /// Sum of losses in this epoch, and the number of examples it covers.
    loss_sum: f64,
    loss_count: u64,
    losses: Vec<f32>,
    metric: Option<&'static str>,
    validations: Vec<f64>,
    /// Whether the caller ends the training and keeps the best so far.
    stopped: bool,
}

impl<C: IntoControlFlow, P: FnMut(TrainingProgress) -> C> Meter<P> {
    /// Starts the clock; `progress` is called by [`begin`](Self::begin) and after every batch.
    pub(crate) fn start(progress: P) -> Self {
        let now = Instant::now();
        Self {
            progress,
            data: Arc::default(),
            started: now,
            seconds_before: 0.0,
            learning_since: now,
            learning_seconds: 0.0,
            epoch: 1,
            epochs: 0,
            batches_done: 0,
            batches_total: 0,
            examples_per_epoch: 0,
            examples_seen: 0,
            loss_sum: 0.0,
            loss_count: 0,
            losses: Vec::new(),
            metric: None,
            validations: Vec::new(),
            stopped: false,
        }
    }

    /// Sets what was read.
    pub(crate) fn set_data(&mut self, data: DataReport) {
        self.data = Arc::new(data);
    }

    /// Announces how much there is to do, and reports what was read. Learning starts now.
    ///
    /// # Errors
    /// [`TrainError::Cancelled`] if the caller cancels.
    pub(crate) fn begin(
        &mut self,
        epochs: usize,
        batches: u64,
        examples_per_epoch: u64,
    ) -> Result<(), TrainError> {
        self.epochs = epochs;
        self.batches_total = batches;
        self.examples_per_epoch = examples_per_epoch;
        self.report(None)?;
        self.learning_since = Instant::now();
        Ok(())
    }

    /// Counts a batch with its mean loss, and reports progress.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss is not finite, [`TrainError::Cancelled`] if the caller cancels.
    pub(crate) fn end_batch(&mut self, loss: f32, examples: usize) -> Result<(), TrainError> {
        self.loss_sum += f64::from(loss) * examples as f64;
        self.loss_count += examples as u64;
        self.examples_seen += examples as u64;
        self.batches_done += 1;
        let mean = self.mean_loss();
        if !mean.is_finite() {
            return Err(TrainError::Diverged { epoch: self.epoch });
        }
        self.report(Some(mean))
    }

    fn report(&mut self, loss: Option<f32>) -> Result<(), TrainError> {
        let progress = TrainingProgress {
            data: Arc::clone(&self.data),
            epoch: self.epoch,
            epochs: self.epochs,
            done: self.batches_done,
            total: self.batches_total,
            loss,
            examples_per_second: self.examples_per_second(),
            searching: false,
            validation: self.validations.last().copied(),
        };
        match (self.progress)(progress).into_control_flow() {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(StopTraining::Cancel) => Err(TrainError::Cancelled),
            ControlFlow::Break(StopTraining::KeepBest) => {
                self.stopped = true;
                Ok(())
            }
        }
    }

    /// Whether the caller ends the training and keeps the best so far.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether no batch is done yet.
    pub(crate) fn is_at_start(&self) -> bool {
        self.batches_done == 0
    }

    /// Counts and curves after an epoch, for a checkpoint.
    pub(crate) fn state(&self) -> MeterState {
        MeterState {
            epoch: self.epoch,
            batches_done: self.batches_done,
            examples_seen: self.examples_seen,
            learning_seconds: self.learning_seconds,
            seconds: self.seconds(),
            losses: self.losses.clone(),
            validations: self.validations.clone(),
        }
    }

    /// Continues from a state, whose validations are of this metric.
    pub(crate) fn restore(&mut self, state: MeterState, metric: &'static str) {
        self.epoch = state.epoch;
        self.batches_done = state.batches_done;
        self.examples_seen = state.examples_seen;
        self.learning_seconds = state.learning_seconds;
        self.seconds_before = state.seconds;
        self.losses = state.losses;
        self.metric = (!state.validations.is_empty()).then_some(metric);
        self.validations = state.validations;
    }

    /// Ends an epoch and returns its number, from 1.
    pub(crate) fn end_epoch(&mut self) -> usize {
        self.learning_seconds += self.learning_since.elapsed().as_secs_f64();
        self.learning_since = Instant::now();
        self.losses.push(self.mean_loss());
        (self.loss_sum, self.loss_count) = (0.0, 0);
        self.epoch += 1;
        self.epoch - 1
    }

    /// Records the validation metric of the epoch that ended. Learning resumes now.
    pub(crate) fn end_validation(&mut self, metric: &'static str, value: f64) {
        self.metric = Some(metric);
        self.validations.push(value);
        self.learning_since = Instant::now();
    }

    /// The towers of a checkpoint and the report. `kept` is the epoch of the checkpoint, if it is not the
    /// last one.
    pub(crate) fn finish(
        self,
        checkpoint: &Checkpoint,
        kept: Option<usize>,
    ) -> Result<Trained, TrainError> {
        let towers = Towers::from_model(&checkpoint.model)?.with_optimiser(&checkpoint.optimiser);
        let seconds = self.seconds();
        let report = TrainingReport {
            examples_per_second: self.examples_per_second(),
            data: Arc::unwrap_or_clone(self.data),
            kept: kept.unwrap_or(self.losses.len()),
            losses: self.losses,
            metric: self.metric.map(Cow::Borrowed),
            validations: self.validations,
            baselines: None,
            auto: None,
            deciles: Vec::new(),
            examples: self.examples_per_epoch,
            parameters: towers.parameters(),
            seconds,
            stopped: self.stopped,
        };
        Ok(Trained { towers, report })
    }

    /// The validation metric after each epoch so far.
    pub(crate) fn validations(&self) -> &[f64] {
        &self.validations
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }

    fn mean_loss(&self) -> f32 {
        (self.loss_sum / self.loss_count.max(1) as f64) as f32
    }

    fn examples_per_second(&self) -> f64 {
        let running = match self.loss_count {
            0 => 0.0,
            _ => self.learning_since.elapsed().as_secs_f64(),
        };
        self.examples_seen as f64 / (self.learning_seconds + running).max(f64::MIN_POSITIVE)
    }
}
