//! What a training reports while it runs, and how the caller cancels it.

use crate::data_report::DataReport;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Progress of a training, reported once all data is read and then after every batch.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainingProgress {
    /// What is read of every column.
    pub data: Arc<DataReport>,
    /// Current epoch, from 1.
    pub epoch: usize,
    /// Total number of epochs.
    pub epochs: usize,
    /// Batches done in all epochs.
    pub done: u64,
    /// Total number of batches.
    pub total: u64,
    /// Mean loss of this epoch so far; `None` before the first batch.
    pub loss: Option<f32>,
    /// Training examples per second so far.
    pub examples_per_second: f64,
    /// Whether this is a candidate of a search for settings, of which several run at a time. The numbers are its own.
    pub searching: bool,
    /// Validation metric after the previous epoch, if events are held out.
    pub validation: Option<f64>,
}

/// How a training ends that its progress callback stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopTraining {
    /// It fails with [`TrainError::Cancelled`](crate::TrainError::Cancelled).
    Cancel,
    /// It ends with the towers of the best epoch so far, or with the current ones without a holdout or before the first
    /// validation; [`stopped`](crate::TrainingReport::stopped) in the report says so. A search for settings ends with the
    /// best ones so far, and the training that follows runs on. Before the first batch it is as
    /// [`Cancel`](Self::Cancel).
    KeepBest,
}

/// What a progress callback returns: nothing, or whether and how the training stops.
///
/// ```
/// # mod twinspire { pub use twinspire_towers::Event; pub use twinspire_train as train; }
/// use serde_json::json;
/// use std::ops::ControlFlow;
/// use twinspire::Event;
/// use twinspire::train::{Dataset, TrainError, TrainingProgress, youtube};
///
/// let events = (0..9).map(|n| Event {
///     user: "u".to_owned(), item: (n % 3).to_string(), at: n, weight: 1.0
/// });
/// let items = (0..3).map(|n| json!({"id": n.to_string()}));
/// let data = Dataset { items: items.collect(), events: events.collect(), ..Dataset::default() };
/// let stop = |progress: TrainingProgress| {
///     // Nothing is learnt yet, and the columns are known.
///     assert!(progress.loss.is_none() && !progress.data.columns.is_empty());
///     ControlFlow::Break(())
/// };
/// let error = youtube::train(&data, &youtube::Config::default(), stop).unwrap_err();
/// assert_eq!(error, TrainError::Cancelled);
/// ```
pub trait IntoControlFlow {
    /// [`ControlFlow::Break`] stops the training; without a value it [cancels](StopTraining::Cancel).
    fn into_control_flow(self) -> ControlFlow<StopTraining>;
}

impl IntoControlFlow for () {
    fn into_control_flow(self) -> ControlFlow<StopTraining> {
        ControlFlow::Continue(())
    }
}

impl IntoControlFlow for ControlFlow<()> {
    fn into_control_flow(self) -> ControlFlow<StopTraining> {
        self.map_break(|()| StopTraining::Cancel)
    }
}

impl IntoControlFlow for ControlFlow<StopTraining> {
    fn into_control_flow(self) -> ControlFlow<StopTraining> {
        self
    }
}
