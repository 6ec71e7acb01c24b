//! The beam width that each recall target needs, by the calibration.

use serde::Serialize;
use twinspire::{Calibration, CalibrationPoint, CalibrationSample, QueryKind};

/// The targets that are shown.
const TARGETS: [f32; 5] = [0.8, 0.9, 0.95, 0.98, 0.99];

/// The width for a target.
#[derive(Debug, Serialize, PartialEq)]
pub struct TargetWidth {
    pub target: f32,
    /// The least measured width whose lower bounds reach the target for 10 items; none: every item is scored.
    pub at_10: Option<u32>,
    /// The same for 100 items.
    pub at_100: Option<u32>,
}

/// The widths of the targets; empty without a measurement.
pub fn of(calibration: &Calibration) -> Vec<TargetWidth> {
    let is_real =
        |sample: &CalibrationSample| matches!(sample.kind, QueryKind::Asked | QueryKind::Given);
    let counted: Vec<&CalibrationSample> = {
        let samples = calibration.samples.iter();
        samples
            .filter(|sample| !calibration.is_real() || is_real(sample))
            .collect()
    };
    if counted.is_empty() {
        return Vec::new();
    }
    // As a recall with a target chooses: from the widest down, to the first that fails, for every kind of query.
    let width = |lower: fn(&CalibrationPoint) -> f32, target: f32| {
        let widths: Option<Vec<u32>> = counted
            .iter()
            .map(|sample| {
                let wide = sample.points.iter().rev();
                let enough = wide.take_while(|point| lower(point) >= target);
                enough.last().map(|point| point.ef)
            })
            .collect();
        widths?.into_iter().max()
    };
    let targets = TARGETS.into_iter().map(|target| TargetWidth {
        target,
        at_10: width(|point| point.lower_at_1.min(point.lower_at_10), target),
        at_100: width(
            |point| {
                point
                    .lower_at_1
                    .min(point.lower_at_10)
                    .min(point.lower_at_100)
            },
            target,
        ),
    });
    targets.collect()
}
