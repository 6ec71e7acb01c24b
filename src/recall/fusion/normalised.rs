//! Normalised scores: the scores of all channels on one scale, and their weighted sum.

use super::channel::Source;
use super::context::FusionContext;
use super::lists::Lists;
use super::ranking::Ranking;
use super::threshold::Scoring;
use super::weighted;
use crate::ensemble::{Normalisation, Scale, finite};
use crate::error::Error;
use crate::recall::explain::FusionStepKind;
use std::collections::BTreeMap;

/// The scale of each channel of one database, in their order.
pub(super) fn scales(
    context: &FusionContext<'_>,
    (by, depth): (Normalisation, u32),
) -> Result<Vec<Scale>, Error> {
    let each = context.channels.iter().enumerate();
    let each = each.map(|(at, channel)| match (by, &channel.source) {
        (Normalisation::Calibration, Source::Vectors { serving, .. }) => {
            let (hundredth, best) = serving.base.generation.calibration.scale();
            Ok(Scale::between(hundredth, best))
        }
        _ => scale_of_list(context, at, (by, depth)),
    });
    each.collect()
}

/// The scale of the scores of a channel's list.
pub(crate) fn scale_of_list(
    lists: &impl Lists,
    channel: usize,
    (by, depth): (Normalisation, u32),
) -> Result<Scale, Error> {
    let list = lists.best(channel, None, depth as usize)?;
    let spaces = lists.spaces();
    let space = spaces.get(channel).copied();
    lists.record(FusionStepKind::Scale, space, None, list.len());
    Ok(by.scale(list.iter().map(|(score, _)| *score)))
}

/// The best `k` of all items on these scales: an item outside of the candidate lists is scored by its stored vectors.
pub(super) fn best(
    context: &FusionContext<'_>,
    weights: &BTreeMap<String, f32>,
    scales: &[Scale],
    k: usize,
) -> Result<Ranking, Error> {
    let each = context.channels.iter().zip(scales);
    let each = each.map(|(channel, scale)| {
        let weight = weights.get(channel.name).copied().unwrap_or_default();
        (f64::from(weight), *scale)
    });
    let scales: Vec<(f64, Scale)> = each.collect();
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
