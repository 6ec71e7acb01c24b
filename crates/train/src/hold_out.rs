//! What is held out of a log, so that it can be told when a training should end.

use super::error::TrainError;
use super::range::check_range;
use serde::{Deserialize, Serialize};

/// Held-out events that are asked for after each pass, at most.
pub(crate) const MAX_HELD_OUT: usize = 10_000;

/// Which events of a log are held out where a recipe's `patience` is above 0: not learnt from, but looked
/// for after each pass. In JSON `"last"` or `{"latest": 0.1}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldOut {
    /// The last event of each user who has three or more. Others' later events are learnt from.
    #[default]
    Last,
    /// The latest share of all events (of those that are as late as `since`, where that is set), above 0 and at
    /// most a half, and what else happened at the moment at which it begins: nothing is learnt of the time
    /// from there on.
    Latest(f64),
}

impl HoldOut {
    /// Refuses a share out of its range.
    pub(crate) fn check(self) -> Result<(), TrainError> {
        match self {
            Self::Last => Ok(()),
            Self::Latest(share) => check_range("hold_out.latest", share, 1e-6..=0.5),
        }
    }
}

/// A meeting that is not learnt from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HeldOut {
    /// The user.
    pub(crate) user: u32,
    /// The item that was met.
    pub(crate) item: u32,
}
