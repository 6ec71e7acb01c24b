//! Ids of events that no record has.

use serde::{Serialize, Serializer};
use std::fmt;
use twinspire_towers::internals::Side;

/// Ids of events without a record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct UnknownIds {
    /// Whether they are of users or of items.
    #[serde(serialize_with = "as_text")]
    pub side: Side,
    /// Number of distinct ids.
    pub ids: usize,
    /// Number of events that name them.
    pub events: usize,
    /// Number of all events.
    pub of_events: usize,
    /// The most frequent ones, each with the id of a record that differs only in spaces, leading zeros, case or a
    /// decimal point.
    pub examples: Vec<(String, Option<String>)>,
}

impl UnknownIds {
    /// The share of events that name them.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.events as f64 / self.of_events.max(1) as f64
    }
}

impl fmt::Display for UnknownIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            side,
            ids,
            events,
            of_events,
            examples,
        } = self;
        write!(
            f,
            "{events} of {of_events} events name {ids} {side} ids without a record: "
        )?;
        for (at, (id, nearest)) in examples.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{id:?}")?;
            if let Some(nearest) = nearest {
                write!(f, " (there is {nearest:?})")?;
            }
        }
        let more = ids - examples.len();
        match more {
            0 => Ok(()),
            _ => write!(f, " and {more} more"),
        }
    }
}

/// Serialises a side by its name.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
pub(super) fn as_text<S: Serializer>(side: &Side, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(side)
}
