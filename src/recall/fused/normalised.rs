//! Scores of all channels brought to one scale, and their weighted sum.

use super::certain::Scoring;
use super::{Fusing, Ranking, weighted};
use crate::ensemble::{Normalisation, Scale, finite};
use crate::error::Error;
use std::collections::BTreeMap;

/// The best `k` of all items. The lists give the scales alone: an item outside of them has its scores
/// from the stored vectors, on the same scales.
pub(super) fn best(
    fusing: &Fusing<'_>,
    weights: &BTreeMap<String, f32>,
    (by, depth): (Normalisation, u32),
    k: usize,
) -> Result<Ranking, Error> {
    let mut scales: Vec<(f64, Scale)> = Vec::with_capacity(fusing.channels.len());
    for channel in &fusing.channels {
        let weight = weights.get(channel.name).copied().unwrap_or_default();
        let scale = if by == Normalisation::Calibration {
            let known = &channel.serving.base.generation.calibration;
            Scale::between(known.hundredth_score, known.best_score)
        } else {
            let list = fusing.list(channel, None, depth as usize)?;
            fusing.step("scale", Some(channel.name), None, list.len());
            by.scale(list.iter().map(|(score, _)| *score))
        };
        scales.push((f64::from(weight), scale));
    }
    let fuse = |scores: &[f32]| {
        let each = scales.iter().zip(scores);
        let each = each.map(|((weight, scale), score)| weight * scale.of(*score));
        finite(each.sum())
    };
    let scoring = Scoring {
        missing: None,
        fuse: &fuse,
    };
    weighted::best(fusing, &scoring, k)
}
