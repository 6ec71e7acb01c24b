//! One line of an interaction log.

use serde::{Deserialize, Serialize};

/// One interaction of a user with an item.
///
/// Logs are lists of events; training reads them in the order of [`at`](Event::at). An event may name a user or an item
/// without a record: ids alone are enough to learn from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The id of the user.
    pub user: String,
    /// The id of the item.
    pub item: String,
    /// When it happened, in seconds since 1970-01-01 00:00 UTC.
    pub at: i64,
    /// The weight: 1 for a click, or a rating, or the fraction watched. Finite.
    pub weight: f32,
}
