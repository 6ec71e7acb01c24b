//! The validation of a recipe that does not depend on which spaces exist.

use super::business_weight::BusinessWeight;
use super::diversity::Diversity;
use super::error::{DepthOf, EnsembleError, Parts};
use super::limits::{MAX_DEPTH, MAX_DIVERSITY_DEPTH, MAX_EXPONENT, MAX_SPACES};
use super::recipe::{Channel, Method, Recipe, Share, Stage};
use std::collections::{BTreeMap, BTreeSet};
use twinspire_towers::internals::MAX_PATH_BYTES;

/// Checks a recipe.
pub(super) fn check(recipe: &Recipe) -> Result<(), EnsembleError> {
    check_method(&recipe.method)?;
    if let Some(business) = &recipe.business {
        if matches!(recipe.method, Method::Quotas { .. }) {
            return Err(EnsembleError::BusinessBesideQuotas);
        }
        check_business_weight(business)?;
    }
    let diversity = recipe.diversity.as_ref();
    diversity.map_or(Ok(()), check_diversity)
}

fn check_business_weight(business: &BusinessWeight) -> Result<(), EnsembleError> {
    let bytes = business.field.len();
    if bytes == 0 || bytes > MAX_PATH_BYTES {
        let limit = MAX_PATH_BYTES;
        return Err(EnsembleError::FieldPath { bytes, limit });
    }
    let default = business.default;
    if !(default.is_finite() && default >= 0.0) {
        return Err(EnsembleError::DefaultValue { value: default });
    }
    for exponent in [business.score_exponent, business.field_exponent] {
        if !(exponent > 0.0 && exponent <= MAX_EXPONENT) {
            return Err(EnsembleError::Exponent { exponent });
        }
    }
    Ok(())
}

fn check_diversity(diversity: &Diversity) -> Result<(), EnsembleError> {
    let (lambda, depth) = (diversity.lambda, diversity.depth);
    if !(0.0..=1.0).contains(&lambda) {
        return Err(EnsembleError::Lambda { lambda });
    }
    check_depth(depth, MAX_DIVERSITY_DEPTH, || DepthOf::Diversity)
}

fn check_method(method: &Method) -> Result<(), EnsembleError> {
    match method {
        Method::Weighted {
            spaces,
            missing,
            fused,
        } => {
            check_weights(spaces)?;
            match missing {
                Some(score) if !score.is_finite() => {
                    Err(EnsembleError::MissingScore { score: *score })
                }
                Some(_) if fused.is_some() => Err(EnsembleError::MissingBesideFused),
                _ => Ok(()),
            }
        }
        Method::Cascade { stages } => check_stages(stages),
        Method::RankFusion { spaces, depth, .. } | Method::Normalised { spaces, depth, .. } => {
            check_weights(spaces)?;
            check_depth(*depth, MAX_DEPTH, || DepthOf::Lists)
        }
        Method::Quotas { channels } => check_channels(channels),
    }
}

/// How far the sum of shares may be from 1, because of shares such as 1/3.
const SLACK: f64 = 1e-3;

fn check_channels(channels: &[Channel]) -> Result<(), EnsembleError> {
    check_count(channels.len(), Parts::Channels)?;
    let (mut names, mut sum, mut counts) = (BTreeSet::new(), 0.0, 0);
    for Channel { space, share } in channels {
        if !names.insert(space) {
            let space = space.clone();
            return Err(EnsembleError::RepeatedSpace { space });
        }
        match share {
            Share::Share(share) if *share > 0.0 && *share <= 1.0 => sum += f64::from(*share),
            Share::Share(share) => {
                return Err(EnsembleError::Share {
                    space: space.clone(),
                    share: *share,
                });
            }
            Share::Count(count) => {
                let of = || DepthOf::Channel {
                    space: space.clone(),
                };
                check_depth(*count, MAX_DEPTH, of)?;
                counts += 1;
            }
        }
    }
    match counts {
        0 if (sum - 1.0).abs() > SLACK => Err(EnsembleError::ShareSum { sum }),
        0 => Ok(()),
        _ if counts == channels.len() => Ok(()),
        _ => Err(EnsembleError::SharesAndCounts),
    }
}

fn check_weights(spaces: &BTreeMap<String, f32>) -> Result<(), EnsembleError> {
    check_count(spaces.len(), Parts::Spaces)?;
    for (name, weight) in spaces {
        if !(weight.is_finite() && *weight > 0.0) {
            return Err(EnsembleError::Weight {
                space: name.clone(),
                weight: *weight,
            });
        }
    }
    Ok(())
}

fn check_stages(stages: &[Stage]) -> Result<(), EnsembleError> {
    check_count(stages.len(), Parts::Stages)?;
    for stage in stages {
        let space = || stage.space.clone();
        check_depth(stage.take, MAX_DEPTH, || DepthOf::Stage { space: space() })?;
        if let Some(score) = stage.at_least.filter(|least| !least.is_finite()) {
            let space = space();
            return Err(EnsembleError::LeastScore { space, score });
        }
    }
    Ok(())
}

fn check_count(found: usize, parts: Parts) -> Result<(), EnsembleError> {
    if found == 0 || found > MAX_SPACES {
        let limit = MAX_SPACES;
        return Err(EnsembleError::Count {
            parts,
            found,
            limit,
        });
    }
    Ok(())
}

fn check_depth(found: u32, limit: u32, of: impl FnOnce() -> DepthOf) -> Result<(), EnsembleError> {
    if found == 0 || found > limit {
        return Err(EnsembleError::Depth {
            of: of(),
            found,
            limit,
        });
    }
    Ok(())
}
