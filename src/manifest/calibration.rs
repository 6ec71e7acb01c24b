//! Recall by beam width, as measured, and the beam width for a recall target.

use bincode::{Decode, Encode};
use serde::Serialize;

/// The values of k for which recall is measured.
pub(crate) const KS: [usize; 2] = [10, 100];
/// The beam widths for which recall is measured.
pub(crate) const EFS: [u32; 12] = [16, 24, 32, 48, 64, 100, 128, 192, 256, 384, 512, 768];

/// Recall of a space by beam width, measured on a sample of queries.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode, Serialize)]
#[non_exhaustive]
pub struct Calibration {
    /// Number of queries. Each ran once for every beam width, and exactly.
    pub queries: u32,
    /// Whether the queries are a sample of real ones. Otherwise each lies between two items, as a user's
    /// vector lies between interests.
    pub real: bool,
    /// Mean score of the best item of a query.
    pub best_score: f32,
    /// Mean score of the hundredth item of a query, or of the last if there are fewer. With `best_score` it
    /// is the scale of the space for the normalisation of an
    /// [ensemble](crate::Normalisation::Calibration).
    pub hundredth_score: f32,
    /// By increasing `ef`. The widest beam has full recall on the sample, or covers all items.
    pub points: Vec<CalibrationPoint>,
}

/// Recall at one beam width.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize)]
#[non_exhaustive]
pub struct CalibrationPoint {
    /// Beam width (efSearch).
    pub ef: u32,
    /// recall@10.
    pub recall_at_10: f32,
    /// recall@100, with a beam at least 100 wide.
    pub recall_at_100: f32,
}

/// Margin for simulated queries, which are easier than real ones: this share of the gap between the target
/// and 1 is added to the target.
const MARGIN: f32 = 0.4;

impl Calibration {
    /// recall@10 of the widest measured beam up to `ef`.
    pub(crate) fn recall_at_10(&self, ef: usize) -> f32 {
        let mut points = self.points.iter().rev();
        let point = points.find(|point| point.ef as usize <= ef);
        point.map_or(1.0, |point| point.recall_at_10)
    }

    /// Beam width for recall@k of `target`: interpolated between two measured widths, or the widest of all
    /// if no measured recall reaches the target.
    pub(crate) fn ef(&self, k: usize, target: f32) -> usize {
        let margin = if self.real { 0.0 } else { MARGIN };
        let target = target + margin * (1.0 - target);
        let [ten, hundred] = KS;
        // Between 10 and 100, by the logarithm of k; beyond, in proportion to it.
        let share = (k.max(1) as f32 / ten as f32).log10().clamp(0.0, 1.0);
        let recall = |point: &CalibrationPoint| {
            point.recall_at_10 * (1.0 - share) + point.recall_at_100 * share
        };
        let mut before: Option<(f32, f32)> = None;
        let mut ef = self.points.last().map_or(0.0, |last| last.ef as f32);
        for point in &self.points {
            let (width, recall) = (point.ef as f32, recall(point));
            if recall >= target {
                ef = match before {
                    Some((narrower, less)) if recall > less => {
                        let way = (target - less) / (recall - less);
                        narrower * (width / narrower).powf(way)
                    }
                    _ => width,
                };
                break;
            }
            before = Some((width, recall.max(before.map_or(0.0, |(_, less)| less))));
        }
        let wider = (k as f32 / hundred as f32).max(1.0);
        ((ef * wider).ceil() as usize).max(k)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn calibration(recalls: &[(u32, f32, f32)]) -> Calibration {
        let point = |&(ef, recall_at_10, recall_at_100)| CalibrationPoint {
            ef,
            recall_at_10,
            recall_at_100,
        };
        Calibration {
            queries: 100,
            real: true,
            best_score: 0.0,
            hundredth_score: 0.0,
            points: recalls.iter().map(point).collect(),
        }
    }

    #[test]
    fn a_target_yields_a_measured_width_or_one_interpolated() {
        let known = calibration(&[(16, 0.8, 0.5), (64, 0.96, 0.7), (256, 0.99, 0.95)]);
        assert_eq!(known.ef(10, 0.5), 16);
        assert_eq!(
            known.ef(10, 0.88),
            32,
            "half the way from 16 to 64, by ratio"
        );
        assert_eq!(known.ef(10, 0.96), 64);
        assert_eq!(known.ef(100, 0.95), 256);
        assert_eq!(known.ef(10, 0.999), 256, "the widest, where none is enough");
        assert_eq!(known.ef(1_000, 0.95), 2_560);
        let made_up = Calibration {
            real: false,
            ..known
        };
        assert_eq!(made_up.ef(10, 0.95), 102, "for 0.97");
        assert_eq!(Calibration::default().ef(10, 0.9), 10);
    }

    proptest! {
        #[test]
        fn a_higher_target_or_k_never_narrows_the_beam(
            recalls in prop::collection::vec((0.0f32..1.0, 0.0f32..1.0), 1..12),
            targets in (0.0f32..1.0, 0.0f32..1.0),
            k in 1usize..300,
        ) {
            let points = EFS.iter().zip(&recalls).map(|(ef, (ten, all))| (*ef, *ten, ten * all));
            let known = calibration(&points.collect::<Vec<_>>());
            let (less, more) = (targets.0.min(targets.1), targets.0.max(targets.1));
            prop_assert!(known.ef(k, less) <= known.ef(k, more));
            prop_assert!(known.ef(k, less) >= k);
        }
    }
}
