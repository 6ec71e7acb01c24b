//! The course of a training: what is told of it, and when it ends.

use super::error::TrainError;
use super::network::{Learnt, Network};
use super::{Trained, TrainingProgress, TrainingReport};
use std::time::Instant;
use twinspire_towers::Towers;

/// Counts what was learnt from and tells of it.
pub(crate) struct Course<P> {
    progress: P,
    started: Instant,
    /// When learning began, after all was read.
    learning: Instant,
    epochs: usize,
    /// The pass, from 1.
    epoch: usize,
    batches: u64,
    done: u64,
    /// Examples of a pass, and of all passes so far.
    examples: u64,
    learnt: u64,
    /// The sum of losses of this pass, and over how many examples.
    sum: f64,
    seen: u64,
    losses: Vec<f32>,
    metric: Option<&'static str>,
    validations: Vec<f64>,
    /// Time spent on learning, without validation.
    seconds: f64,
}

impl<P: FnMut(TrainingProgress)> Course<P> {
    /// A training that begins now.
    pub(crate) fn new(epochs: usize, progress: P) -> Self {
        let now = Instant::now();
        Self {
            progress,
            started: now,
            learning: now,
            epochs,
            epoch: 1,
            batches: 0,
            done: 0,
            examples: 0,
            learnt: 0,
            sum: 0.0,
            seen: 0,
            losses: Vec::new(),
            metric: None,
            validations: Vec::new(),
            seconds: 0.0,
        }
    }

    /// So many examples come in each pass, in batches of so many.
    pub(crate) fn expect(&mut self, examples: usize, batch: usize) {
        self.examples = examples as u64;
        self.batches = examples.div_ceil(batch) as u64 * self.epochs as u64;
        self.learning = Instant::now();
    }

    /// So many examples come in each of several windows, which are gone through one after the other, each
    /// in as many passes as there were to be in all.
    pub(crate) fn expect_windows(&mut self, windows: &[usize], batch: usize) {
        let batches = windows.iter().map(|examples| examples.div_ceil(batch));
        let batches = batches.sum::<usize>() * self.epochs;
        self.epochs *= windows.len();
        self.expect(windows.iter().sum(), batch);
        self.batches = batches as u64;
    }

    /// Of the passes, the first so many have another number of examples.
    pub(crate) fn expect_first(&mut self, passes: usize, examples: usize, batch: usize) {
        let usual = self.examples.div_ceil(batch.max(1) as u64);
        let passes = passes as u64;
        self.batches = self.batches.saturating_sub(usual * passes)
            + examples.div_ceil(batch.max(1)) as u64 * passes;
    }

    /// A batch was learnt from, with this mean loss.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss is no number.
    pub(crate) fn batch(&mut self, loss: f32, examples: usize) -> Result<(), TrainError> {
        self.sum += f64::from(loss) * examples as f64;
        self.seen += examples as u64;
        self.learnt += examples as u64;
        self.done += 1;
        let mean = (self.sum / self.seen.max(1) as f64) as f32;
        if !mean.is_finite() {
            return Err(TrainError::Diverged { epoch: self.epoch });
        }
        let progress = TrainingProgress {
            epoch: self.epoch,
            epochs: self.epochs,
            done: self.done,
            total: self.batches,
            loss: mean,
            examples_per_second: self.examples_per_second(),
            validation: self.validations.last().copied(),
        };
        (self.progress)(progress);
        Ok(())
    }

    /// A pass has ended.
    pub(crate) fn end_pass(&mut self) {
        self.seconds += self.learning.elapsed().as_secs_f64();
        self.learning = Instant::now();
        self.losses
            .push((self.sum / self.seen.max(1) as f64) as f32);
        (self.sum, self.seen) = (0.0, 0);
        self.epoch += 1;
    }

    /// The pass that has ended came to this on what was held out.
    pub(crate) fn validate(&mut self, metric: &'static str, value: f64) {
        self.metric = Some(metric);
        self.validations.push(value);
        self.learning = Instant::now();
    }

    /// The towers, and how it went; `best` is the pass whose weights they have, if not the last.
    pub(crate) fn finish(
        self,
        learnt: &Learnt,
        best: Option<usize>,
    ) -> Result<Trained, TrainError> {
        let towers = Towers::from_model(&learnt.model)?.with_optimiser(&learnt.optimiser);
        let report = TrainingReport {
            examples_per_second: self.examples_per_second(),
            kept: best.unwrap_or(self.losses.len()),
            losses: self.losses,
            metric: self.metric,
            validations: self.validations,
            deciles: Vec::new(),
            examples: self.examples,
            parameters: towers.parameters(),
            seconds: self.started.elapsed().as_secs_f64(),
        };
        Ok(Trained { towers, report })
    }

    fn examples_per_second(&self) -> f64 {
        let open = match self.seen {
            0 => 0.0,
            _ => self.learning.elapsed().as_secs_f64(),
        };
        self.learnt as f64 / (self.seconds + open).max(f64::MIN_POSITIVE)
    }
}

/// Early stopping: the weights of the best pass, and how long ago it was.
pub(crate) struct Stopping {
    patience: usize,
    pass: usize,
    best: Option<(f64, usize, Learnt)>,
}

impl Stopping {
    /// Ends a training after so many passes that are no better than the best.
    pub(crate) fn new(patience: usize) -> Self {
        Self {
            patience,
            pass: 0,
            best: None,
        }
    }

    /// Takes in the metric of a pass, larger being better, and the network it ended with; tells whether
    /// the training goes on.
    pub(crate) fn goes_on(&mut self, metric: f64, network: &Network) -> bool {
        self.pass += 1;
        match &self.best {
            Some((best, pass, _)) if metric <= *best => self.pass - pass < self.patience,
            _ => {
                self.best = Some((metric, self.pass, network.so_far()));
                true
            }
        }
    }

    /// What had been learnt when the best pass ended, and its number; of a training that had no metric, what
    /// has been learnt in all.
    pub(crate) fn best(self, network: &Network) -> (Learnt, Option<usize>) {
        match self.best {
            Some((_, pass, learnt)) => (learnt, Some(pass)),
            None => (network.so_far(), None),
        }
    }
}
