//! A candidate in training.

use crate::error::TrainError;
use crate::trained::Trained;
use crate::training_loop::{Course, Recipe};
use crate::training_progress::{IntoControlFlow, StopTraining, TrainingProgress};
use std::ops::ControlFlow;

/// What a trial reports to after every batch.
pub(crate) type ProgressFn<'a> =
    Box<dyn FnMut(TrainingProgress) -> ControlFlow<StopTraining> + Send + 'a>;

/// A training that stops and continues.
pub(crate) trait Trial: Send {
    /// Runs further passes, fewer if early stopping ends the training. Returns whether it may go on.
    fn advance(&mut self, passes: usize) -> Result<bool, TrainError>;

    /// The validation metric after each pass so far.
    fn validations(&self) -> &[f64];

    /// The metric of the best pass for each event of the holdout.
    fn best_values(&self) -> &[f64];

    /// The towers of the best pass, and their report.
    fn finish(self: Box<Self>) -> Result<Trained, TrainError>;
}

impl<R, C, P> Trial for Course<R, P>
where
    R: Recipe<Example: Send, Settings: Send> + Send,
    C: IntoControlFlow,
    P: FnMut(TrainingProgress) -> C + Send,
{
    fn advance(&mut self, passes: usize) -> Result<bool, TrainError> {
        for _ in 0..passes {
            if !self.epoch()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn validations(&self) -> &[f64] {
        Course::validations(self)
    }

    fn best_values(&self) -> &[f64] {
        Course::best_values(self)
    }

    fn finish(self: Box<Self>) -> Result<Trained, TrainError> {
        Ok(Course::finish(*self)?.0)
    }
}
