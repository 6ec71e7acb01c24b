//! The result of a training.

use super::report::TrainingReport;
use twinspire_towers::Towers;

/// The result of a training.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trained {
    /// The towers, ready to be saved or published.
    pub towers: Towers,
    /// How the training went.
    pub report: TrainingReport,
}
