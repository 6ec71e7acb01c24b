//! Normalised scores: the scores of all channels on one scale, and their weighted sum.

use super::channel::Source;
use super::context::FusionContext;
use super::ranking::Ranking;
use super::threshold::Scoring;
use super::weighted;
use crate::ensemble::{Normalisation, Scale, finite};
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use std::collections::BTreeMap;

/// The best `k` of all items. The candidate lists only give the scales: an item outside of them is
/// scored by its stored vectors, on the same scales.
pub(super) fn best(
    context: &FusionContext<'_>,
    weights: &BTreeMap<String, f32>,
    (by, depth): (Normalisation, u32),
    k: usize,
) -> Result<Ranking, Error> {
    let mut scales: Vec<(f64, Scale)> = Vec::with_capacity(context.channels.len());
    for channel in &context.channels {
        let weight = weights.get(channel.name).copied().unwrap_or_default();
        let scale = if let (Normalisation::Calibration, Source::Vectors { serving, .. }) =
            (by, &channel.source)
        {
            let (hundredth, best) = serving.base.generation.calibration.scale();
            Scale::between(hundredth, best)
        } else {
            let list = context.top_k(channel, None, depth as usize)?;
            context.record(FusionStepKind::Scale, Some(channel.name), None, list.len());
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
    weighted::best(context, &scoring, k)
}
