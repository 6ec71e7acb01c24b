//! Moments as JSON: seconds since 1970, an integer where nothing is lost.

use serde_json::{Number, Value};
use twinspire_towers::internals::Moment;

/// Units of time as seconds: an integer where nothing is lost.
#[cfg(feature = "arrow")]
pub(crate) fn seconds(units: i64, units_per_second: i64) -> Value {
    let whole = units.div_euclid(units_per_second);
    fraction(whole, units.rem_euclid(units_per_second), units_per_second)
}

/// A moment as seconds since 1970.
pub(crate) fn value(moment: Moment) -> Value {
    fraction(moment.seconds, moment.nanoseconds.into(), 1_000_000_000)
}

/// Whole seconds, rounded down, and the rest.
fn fraction(whole: i64, rest: i64, units_per_second: i64) -> Value {
    match rest {
        0 => whole.into(),
        // Whole seconds and fraction apart, so that the division loses no digit; of one sign, so that the sum does not
        // either.
        _ => {
            let (whole, rest) = match whole {
                0.. => (whole, rest),
                _ => (whole + 1, rest - units_per_second),
            };
            let seconds = whole as f64 + rest as f64 / units_per_second as f64;
            Number::from_f64(seconds).map_or(Value::Null, Value::Number)
        }
    }
}
