//! The budget of a search.

use crate::error::TrainError;
use crate::range::check_range;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Events that a second of the budget stands for.
pub(crate) const EVENTS_PER_SECOND: f64 = 50_000.0;
/// Passes over the log that all rounds of a search may need.
const PASSES: f64 = 120.0;
/// The search ends early once it takes this many times its budget.
const GUARD: f64 = 4.0;

/// How long a search may take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AutoParams {
    /// The budget in seconds, each counted as 50,000 examples, or 8,000 pairs of texts (dssm). Of larger logs the
    /// candidates see a sample of the users or documents. The final training on everything is not included.
    pub seconds: f64,
}

impl Default for AutoParams {
    fn default() -> Self {
        Self { seconds: 240.0 }
    }
}

impl AutoParams {
    pub(crate) fn check(self) -> Result<(), TrainError> {
        check_range("seconds", self.seconds, 0.1..=1e6)
    }

    /// The step of a sample: candidates learn from every n-th user or document, if there are this many examples, of
    /// which a second of the budget is this many.
    pub(crate) fn step(self, examples: usize, per_second: f64) -> usize {
        let passes = self.seconds * per_second / examples.max(1) as f64;
        (PASSES / passes).ceil().max(1.0) as usize
    }

    /// The time after which a search ends early.
    pub(super) fn guard(self) -> Duration {
        Duration::from_secs_f64(self.seconds * GUARD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_logs_are_sampled_to_the_budget() {
        let params = AutoParams { seconds: 24.0 };
        let step = |examples| params.step(examples, EVENTS_PER_SECOND);
        assert_eq!([1, 10_000, 10_001, 1_000_000].map(step), [1, 1, 2, 100]);
        assert!(AutoParams { seconds: 0.0 }.check().is_err());
        assert!(AutoParams { seconds: f64::NAN }.check().is_err());
    }
}
