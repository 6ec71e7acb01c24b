//! What is learnt from.

use serde_json::Value;
use twinspire_towers::Event;

/// Raw logs: who met what, and what is known of both.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// Items: JSON objects with a string `id` and any other fields.
    pub items: Vec<Value>,
    /// Users: JSON objects with a string `user_id` and any other fields. May be empty: users are
    /// known by what they did.
    pub users: Vec<Value>,
    /// What happened, in any order.
    pub events: Vec<Event>,
}
