use super::frequency::FrequencyState;
use super::optimiser::OptimiserState;
use crate::tower::error::TowerError;
use crate::tower::files::NamedBlob;
use crate::tower::model::Model;

/// Checks that the training state among the files is undamaged and belongs to these towers.
pub(crate) fn check_training_state(parts: &[NamedBlob], model: &Model) -> Result<(), TowerError> {
    FrequencyState::find(parts)?;
    OptimiserState::find(parts, model).map(drop)
}
