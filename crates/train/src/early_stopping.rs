//! Early stopping: keeps the checkpoint of the best epoch and ends a training that no longer improves.

use super::nn::{Checkpoint, Network};

/// Tracks the best epoch by a validation metric, larger being better.
pub(crate) struct EarlyStopping {
    patience: usize,
    best: Option<Best>,
}

/// The best epoch so far.
struct Best {
    metric: f64,
    epoch: usize,
    checkpoint: Checkpoint,
}

/// What a validation says about the training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The best epoch so far; its checkpoint is kept.
    Improved,
    /// Not better than the best epoch, within patience.
    Waiting,
    /// Not better for `patience` epochs: the training ends.
    Exhausted,
}

impl EarlyStopping {
    /// Stops after `patience` epochs in a row that are no better than the best.
    pub(crate) fn new(patience: usize) -> Self {
        Self {
            patience,
            best: None,
        }
    }

    /// Records the metric of an epoch and the network at its end.
    pub(crate) fn observe(&mut self, epoch: usize, metric: f64, network: &Network) -> Verdict {
        match &self.best {
            Some(best) if metric <= best.metric => {
                if epoch - best.epoch < self.patience {
                    Verdict::Waiting
                } else {
                    Verdict::Exhausted
                }
            }
            _ => {
                self.best = Some(Best {
                    metric,
                    epoch,
                    checkpoint: network.checkpoint(),
                });
                Verdict::Improved
            }
        }
    }

    /// Metric, number and checkpoint of the best epoch so far.
    pub(crate) fn best(&self) -> Option<(f64, usize, &Checkpoint)> {
        let best = self.best.as_ref()?;
        Some((best.metric, best.epoch, &best.checkpoint))
    }

    /// Continues from the best epoch of an earlier run.
    pub(crate) fn restore(&mut self, metric: f64, epoch: usize, checkpoint: Checkpoint) {
        self.best = Some(Best {
            metric,
            epoch,
            checkpoint,
        });
    }

    /// The checkpoint of the best epoch and its number. Without any validation: the current state of the
    /// network, and no number.
    pub(crate) fn into_best(self, network: &Network) -> (Checkpoint, Option<usize>) {
        match self.best {
            Some(best) => (best.checkpoint, Some(best.epoch)),
            None => (network.checkpoint(), None),
        }
    }
}
