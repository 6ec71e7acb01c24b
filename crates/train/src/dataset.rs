//! The training data.

use serde_json::Value;
use twinspire_towers::Event;

/// Raw logs: users, items, and events between them.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// Items: JSON objects with a string `id` and any other fields.
    pub items: Vec<Value>,
    /// Users: JSON objects with a string `user_id` and any other fields. May be empty: users are then known
    /// by their events alone.
    pub users: Vec<Value>,
    /// Events, in any order.
    pub events: Vec<Event>,
}
