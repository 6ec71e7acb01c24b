//! How much of the exact answer a beam finds, by its width: measured, and read the other way round.

use bincode::{Decode, Encode};
use serde::Serialize;

/// The numbers of answers for which recall is measured.
pub(crate) const KS: [usize; 2] = [10, 100];
/// The widths of the beam for which it is measured.
pub(crate) const EFS: [u32; 12] = [16, 24, 32, 48, 64, 100, 128, 192, 256, 384, 512, 768];

/// What share of the exact answer beams of some widths found, for a sample of queries.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode, Serialize)]
#[non_exhaustive]
pub struct Calibration {
    /// Queries that were asked, each once for every width and exactly.
    pub queries: u32,
    /// Whether they are vectors that the database was asked with; else they lie between two items,
    /// as a user's vector lies between interests.
    pub real: bool,
    /// The mean score of the best item of a query.
    pub best_score: f32,
    /// The mean score of the hundredth item of a query, or of the last where there are fewer. Between these
    /// two is what an [ensemble](crate::Normalisation::Calibration) takes for the space's scale.
    pub hundredth_score: f32,
    /// By increasing `ef`. The widest finds all of a sample, or is as wide as there are items.
    pub points: Vec<CalibrationPoint>,
}

/// What a beam of one width found.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode, Serialize)]
#[non_exhaustive]
pub struct CalibrationPoint {
    /// The width of the beam (efSearch).
    pub ef: u32,
    /// The share of the 10 best that it found.
    pub recall_at_10: f32,
    /// The share of the 100 best that it found, being at least 100 wide.
    pub recall_at_100: f32,
}

/// Users are harder to answer than queries made up: of what a target leaves open, this share is closed
/// as well where no real query was asked.
const MARGIN: f32 = 0.4;

impl Calibration {
    /// The share of the 10 best that a beam of this width found, or the widest narrower one.
    pub(crate) fn recall_at_10(&self, ef: usize) -> f32 {
        let mut points = self.points.iter().rev();
        let point = points.find(|point| point.ef as usize <= ef);
        point.map_or(1.0, |point| point.recall_at_10)
    }

    /// The width of a beam that finds the share `target` of the `k` best, as far as is known: between
    /// two widths that were measured, and the widest of all where none found as much.
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
    fn a_target_gives_the_width_that_reached_it_or_one_between() {
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
        fn more_recall_or_more_answers_never_take_a_narrower_beam(
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
