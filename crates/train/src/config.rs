//! Settings in their ranges.

use super::error::TrainError;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Refuses a setting out of its range.
pub(crate) fn within<T: PartialOrd + Display>(
    knob: &'static str,
    found: T,
    range: RangeInclusive<T>,
) -> Result<(), TrainError> {
    if range.contains(&found) {
        return Ok(());
    }
    Err(TrainError::Config {
        knob,
        found: found.to_string(),
        least: range.start().to_string(),
        most: range.end().to_string(),
    })
}
