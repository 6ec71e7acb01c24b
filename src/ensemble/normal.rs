//! Scores of different spaces brought to one scale.

use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// How the scores of a channel are normalised, by what its list of the best has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Normalisation {
    /// (score − least) / (largest − least): 1 for the best of the list, 0 for its last, below 0 for what
    /// is not in it.
    MinMax,
    /// (score − mean) / standard deviation, both of the list (of n, not n − 1).
    ZScore,
    /// (score − hundredth) / (best − hundredth), of the scores that the best and the hundredth item of a
    /// query have on the average, as they were measured when the generation was published or last
    /// [calibrated](crate::Database::calibrate): 1 for an item as near as the best usually is. The scale is
    /// the same for every query, so that a space that has nothing near for a user counts for little,
    /// and scores of different users can be compared. No list is made for it.
    Calibration,
}

/// What a normalisation makes of a list: `(score − zero) / unit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    zero: f64,
    unit: f64,
}

impl Normalisation {
    /// The scale of a list, for those that go by one. Scores that are all equal have no width: then they are moved to 0 alone, and
    /// the unit stays 1.
    pub(crate) fn scale(self, list: impl Iterator<Item = f32>) -> Scale {
        let list: Vec<f64> = list.filter(|x| x.is_finite()).map(f64::from).collect();
        if list.is_empty() {
            let (zero, unit) = (0.0, 1.0);
            return Scale { zero, unit };
        }
        let count = list.len() as f64;
        let (zero, width) = match self {
            Self::Calibration => (0.0, 1.0),
            Self::MinMax => {
                let least = list.iter().copied().fold(f64::INFINITY, f64::min);
                let most = list.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                (least, most - least)
            }
            Self::ZScore => {
                let mean = list.iter().sum::<f64>() / count;
                let variance = list.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
                // The mean of equal numbers may be off in its last digit.
                let equal = list.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
                (mean, if equal { 0.0 } else { variance.sqrt() })
            }
        };
        let unit = if width > 0.0 { width } else { 1.0 };
        Scale { zero, unit }
    }
}

impl Scale {
    /// From 0 at one score to 1 at another; without a width scores are moved alone.
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

/// The nearest number that is finite; minus infinity stays.
pub(crate) fn finite(x: f64) -> f32 {
    if x == f64::NEG_INFINITY {
        return f32::NEG_INFINITY;
    }
    x.clamp(-f64::from(f32::MAX), f64::from(f32::MAX)) as f32
}
