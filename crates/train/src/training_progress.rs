//! What a training reports while it runs.

/// TrainingProgress of a training, reported after every batch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct TrainingProgress {
    /// Current epoch, from 1.
    pub epoch: usize,
    /// Total number of epochs.
    pub epochs: usize,
    /// Batches done in all epochs.
    pub done: u64,
    /// Total number of batches.
    pub total: u64,
    /// Mean loss of this epoch so far.
    pub loss: f32,
    /// Training examples per second so far.
    pub examples_per_second: f64,
    /// Validation metric after the previous epoch, if events are held out.
    pub validation: Option<f64>,
}
