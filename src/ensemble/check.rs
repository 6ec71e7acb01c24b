//! What makes a recipe valid by itself.

use super::recipe::{Method, Recipe, Stage};
use std::collections::BTreeMap;

/// The most spaces an ensemble may fuse, and the most stages of a cascade.
pub(crate) const MAX_SPACES: usize = 32;

/// The most items a list or a stage may have.
pub(crate) const MAX_DEPTH: u32 = 100_000;

/// What is wrong with a recipe by itself.
pub(super) fn check(recipe: &Recipe) -> Result<(), String> {
    match &recipe.method {
        Method::Weighted { spaces } => weights(spaces),
        Method::Cascade { stages } => cascade(stages),
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
        depth(stage.take, &format!("what stage {space:?} takes"))?;
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

fn depth(depth: u32, what: &str) -> Result<(), String> {
    if depth == 0 || depth > MAX_DEPTH {
        return Err(format!("{what} is {depth}, 1 to {MAX_DEPTH} is due"));
    }
    Ok(())
}
