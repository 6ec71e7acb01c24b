//! The scale of normalised scores.

use bincode::{Decode, Encode};

/// A linear scale: `(score − zero) / unit`.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Scale {
    pub(super) zero: f64,
    pub(super) unit: f64,
}

impl Scale {
    /// The scale that is 0 at one score and 1 at another. If they are equal, the unit is 1.
    pub(crate) fn between(zero: f32, one: f32) -> Self {
        let (zero, width) = (f64::from(zero), f64::from(one) - f64::from(zero));
        let sound = zero.is_finite() && width.is_finite() && width > 0.0;
        let unit = if sound { width } else { 1.0 };
        let zero = if zero.is_finite() { zero } else { 0.0 };
        Self { zero, unit }
    }

    /// A score on this scale.
    pub(crate) fn of(self, score: f32) -> f64 {
        (f64::from(score) - self.zero) / self.unit
    }
}

/// The nearest finite number; negative infinity stays.
pub(crate) fn finite(x: f64) -> f32 {
    if x == f64::NEG_INFINITY {
        return f32::NEG_INFINITY;
    }
    x.clamp(-f64::from(f32::MAX), f64::from(f32::MAX)) as f32
}
