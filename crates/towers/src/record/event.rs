//! One line of an interaction log.

use serde::{Deserialize, Serialize};

/// One interaction: a user met an item at a moment, with some weight.
///
/// Logs are lists of events; training reads them in the order of [`at`](Event::at). An event may
/// name a user or an item that no record describes: ids alone are enough to learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The id of the user.
    pub user: String,
    /// The id of the item.
    pub item: String,
    /// When it happened, in seconds since 1970-01-01 00:00 UTC.
    pub at: i64,
    /// How much it counts: 1 for a click, a rating, the fraction watched. Finite.
    pub weight: f32,
}
