//! Range checks of settings.

use super::error::TrainError;
use std::fmt::Display;
use std::ops::RangeInclusive;

/// Upper bound of settings that count something: epochs, batches, units of a layer.
pub(crate) const MAX_COUNT: usize = 65_536;

/// Rejects a setting outside of its range.
pub(crate) fn check_range<T: PartialOrd + Display>(
    setting: &'static str,
    found: T,
    range: RangeInclusive<T>,
) -> Result<(), TrainError> {
    if range.contains(&found) {
        return Ok(());
    }
    Err(TrainError::Config {
        knob: setting,
        found: found.to_string(),
        least: range.start().to_string(),
        most: range.end().to_string(),
    })
}
