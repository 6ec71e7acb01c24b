//! Events for tests.

use twinspire_towers::Event;

pub(super) fn event(user: &str, item: &str, at: i64) -> Event {
    Event {
        user: user.to_owned(),
        item: item.to_owned(),
        at,
        weight: 1.0,
    }
}

/// An event of user `u1` with item `i2`, by their numbers.
pub(super) fn numbered(user: usize, item: usize, at: i64) -> Event {
    event(&format!("u{user}"), &format!("i{item}"), at)
}
