//! The holdout: events that are not learnt from and decide when a training stops.

use super::error::TrainError;
use super::range::check_range;
use serde::{Deserialize, Serialize};

/// Maximum number of held-out events that are ranked after each epoch.
pub(crate) const MAX_HELD_OUT: usize = 10_000;

/// Which events of a log are held out for validation, if a recipe's `patience` is above 0. In JSON `"last"`
/// or `{"latest": 0.1}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldOut {
    /// The last event of each user with three or more events. Later events of other users are learnt from.
    #[default]
    Last,
    /// The latest share of all events, above 0 and at most 0.5; with `since`, of the events from then on. Events
    /// at the same time as the first of them are held out too, so nothing later is learnt from.
    Latest(f64),
}

impl HoldOut {
    /// Rejects a share outside of its range.
    pub(crate) fn check(self) -> Result<(), TrainError> {
        match self {
            Self::Last => Ok(()),
            Self::Latest(share) => check_range("hold_out.latest", share, 1e-6..=0.5),
        }
    }
}

/// A held-out event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HeldOut {
    /// The user.
    pub(crate) user: u32,
    /// The item.
    pub(crate) item: u32,
}
