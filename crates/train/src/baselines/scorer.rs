//! What a baseline does.

use crate::sampler::Logs;

/// Scores every item for a user; `into` holds one score an item.
pub(super) trait Scorer: Sync {
    /// Writes the score of each item into `into`.
    fn score(&self, logs: &Logs, user: u32, into: &mut [f32]);
}
