//! Normalisations: scores of different spaces on one scale.

use super::scale::Scale;
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// How the scores of a space are normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Normalisation {
    /// (score − least) / (largest − least) of the list: 1 for its best item, 0 for its last, below 0 for items
    /// that are not in it.
    MinMax,
    /// (score − mean) / standard deviation, both of the list. The variance divides by n, not n − 1.
    ZScore,
    /// (score − hundredth) / (best − hundredth), where these are the mean scores of the hundredth and of the
    /// best item of a query: 1 for an item as near as the best usually is.
    ///
    /// They were measured when the generation was published or last
    /// [calibrated](crate::Database::calibrate). The scale is the same for every query. So a space with nothing
    /// near for a user counts little, and scores of different users can be compared. No list is searched
    /// for it; the depth has no effect.
    Calibration,
}

impl Normalisation {
    /// The scale of a list. Equal scores have no width: they are moved to 0, with unit 1.
    /// [`Calibration`](Self::Calibration) has no list; its scale is made by [`Scale::between`].
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
