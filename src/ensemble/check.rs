//! What makes a recipe valid by itself.

use super::business::{Business, MAX_EXPONENT};
use super::diversity::{Diversity, MAX_POOL};
use super::recipe::{Channel, Method, Recipe, Share, Stage};
use std::collections::{BTreeMap, BTreeSet};
use twinspire_towers::internals::MAX_PATH_BYTES;

/// The most spaces an ensemble may fuse, and the most stages of a cascade.
pub(crate) const MAX_SPACES: usize = 32;

/// The most items a list or a stage may have.
pub(crate) const MAX_DEPTH: u32 = 100_000;

/// What is wrong with a recipe by itself.
pub(super) fn check(recipe: &Recipe) -> Result<(), String> {
    method(&recipe.method)?;
    if let Some(business) = &recipe.business {
        if matches!(recipe.method, Method::Quotas { .. }) {
            let why = "quotas take turns, and have no score that a field could be multiplied with";
            return Err(why.to_owned());
        }
        worth(business)?;
    }
    recipe.diversity.as_ref().map_or(Ok(()), variety)
}

fn worth(business: &Business) -> Result<(), String> {
    let bytes = business.field.len();
    if bytes == 0 || bytes > MAX_PATH_BYTES {
        return Err(format!(
            "the path of the field has {bytes} bytes, 1 to {MAX_PATH_BYTES} are due"
        ));
    }
    let default = business.default;
    if !(default.is_finite() && default >= 0.0) {
        return Err(format!("the default is {default}, 0 or more is due"));
    }
    for exponent in [business.score_exponent, business.field_exponent] {
        if !(exponent > 0.0 && exponent <= MAX_EXPONENT) {
            let due = format!("above 0 and at most {MAX_EXPONENT} is due");
            return Err(format!("an exponent is {exponent}, {due}"));
        }
    }
    Ok(())
}

fn variety(diversity: &Diversity) -> Result<(), String> {
    let (lambda, depth) = (diversity.lambda, diversity.depth);
    if !(0.0..=1.0).contains(&lambda) {
        return Err(format!("lambda is {lambda}, 0 to 1 is due"));
    }
    if depth == 0 || depth > MAX_POOL {
        let due = format!("1 to {MAX_POOL} is due");
        return Err(format!("the depth of the diversity is {depth}, {due}"));
    }
    Ok(())
}

fn method(method: &Method) -> Result<(), String> {
    match method {
        Method::Weighted {
            spaces,
            missing,
            fused,
        } => {
            weights(spaces)?;
            match missing {
                Some(score) if !score.is_finite() => Err(format!(
                    "what is missing scores {score}, a finite number is due"
                )),
                Some(_) if fused.is_some() => Err(
                    "a fused space has no items without a vector in one of its members: give \
                     `missing` or `fused`"
                        .to_owned(),
                ),
                _ => Ok(()),
            }
        }
        Method::Cascade { stages } => cascade(stages),
        Method::RankFusion { spaces, depth, .. } | Method::Normalised { spaces, depth, .. } => {
            weights(spaces)?;
            is_depth(*depth, "the depth of the lists")
        }
        Method::Quotas { channels } => quotas(channels),
    }
}

/// How far from 1 the sum of shares may be, for those that have no end as decimals.
const SLACK: f64 = 1e-3;

fn quotas(channels: &[Channel]) -> Result<(), String> {
    count(channels.len(), "channels")?;
    let (mut names, mut sum, mut counts) = (BTreeSet::new(), 0.0, 0);
    for Channel { space, share } in channels {
        if !names.insert(space) {
            return Err(format!("space {space:?} is named twice"));
        }
        match share {
            Share::Share(share) if *share > 0.0 && *share <= 1.0 => sum += f64::from(*share),
            Share::Share(share) => {
                let due = "above 0 and at most 1 is due";
                return Err(format!("the share of space {space:?} is {share}, {due}"));
            }
            Share::Count(count) => {
                is_depth(*count, &format!("the count of space {space:?}"))?;
                counts += 1;
            }
        }
    }
    match counts {
        0 if (sum - 1.0).abs() > SLACK => Err(format!("the shares make {sum}, 1 is due")),
        0 => Ok(()),
        _ if counts == channels.len() => Ok(()),
        _ => Err("it has shares and counts, one or the other is due".to_owned()),
    }
}

fn weights(spaces: &BTreeMap<String, f32>) -> Result<(), String> {
    count(spaces.len(), "spaces")?;
    for (name, weight) in spaces {
        if !(weight.is_finite() && *weight > 0.0) {
            return Err(format!(
                "the weight of space {name:?} is {weight}, a number above 0 is due"
            ));
        }
    }
    Ok(())
}

fn cascade(stages: &[Stage]) -> Result<(), String> {
    count(stages.len(), "stages")?;
    for stage in stages {
        let space = &stage.space;
        is_depth(stage.take, &format!("what stage {space:?} takes"))?;
        if let Some(least) = stage.at_least.filter(|least| !least.is_finite()) {
            return Err(format!(
                "the least score of stage {space:?} is {least}, a finite number is due"
            ));
        }
    }
    Ok(())
}

fn count(count: usize, what: &str) -> Result<(), String> {
    if count == 0 || count > MAX_SPACES {
        return Err(format!("it has {count} {what}, 1 to {MAX_SPACES} are due"));
    }
    Ok(())
}

fn is_depth(depth: u32, what: &str) -> Result<(), String> {
    if depth == 0 || depth > MAX_DEPTH {
        return Err(format!("{what} is {depth}, 1 to {MAX_DEPTH} is due"));
    }
    Ok(())
}
