//! An ensemble in one line, for people.

use super::business_weight::BusinessWeight;
use super::diversity::Diversity;
use super::ensemble::Ensemble;
use super::normalisation::Normalisation;
use super::recipe::{Channel, Method, Share, Stage};
use std::collections::BTreeMap;
use std::fmt;

impl fmt::Display for Ensemble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recipe = self.recipe();
        write_method(f, &recipe.method)?;
        if let Some(business) = &recipe.business {
            let BusinessWeight {
                field,
                default,
                score_exponent,
                field_exponent,
            } = business;
            f.write_str("; ")?;
            if *score_exponent != 1.0 {
                write!(f, "score^{score_exponent} ")?;
            }
            write!(f, "× {field}")?;
            if *field_exponent != 1.0 {
                write!(f, "^{field_exponent}")?;
            }
            write!(f, " (default {default})")?;
        }
        if let Some(Diversity {
            space,
            lambda,
            depth,
        }) = &recipe.diversity
        {
            write!(f, "; diverse by {space} among the best {depth}, λ {lambda}")?;
        }
        Ok(())
    }
}

fn write_method(f: &mut fmt::Formatter<'_>, method: &Method) -> fmt::Result {
    match method {
        Method::Weighted {
            spaces,
            missing,
            fused,
        } => {
            weights(f, spaces)?;
            if let Some(score) = missing {
                write!(f, "; {score} without a vector")?;
            }
            if let Some(fused) = fused {
                write!(f, "; by the graph of {fused}")?;
            }
            Ok(())
        }
        Method::Cascade { stages } => list(f, stages, " → ", stage),
        Method::RankFusion { spaces, k, depth } => {
            write!(f, "ranks of the best {depth}, k {k}: ")?;
            weights(f, spaces)
        }
        Method::Normalised { spaces, by, depth } => {
            match by {
                Normalisation::MinMax => write!(f, "min-max of the best {depth}: ")?,
                Normalisation::ZScore => write!(f, "z-score of the best {depth}: ")?,
                Normalisation::Calibration => write!(f, "by calibration: ")?,
            }
            weights(f, spaces)
        }
        Method::Quotas { channels } => list(f, channels, ", ", channel),
    }
}

fn channel(f: &mut fmt::Formatter<'_>, channel: &Channel) -> fmt::Result {
    match channel.share {
        Share::Share(share) => write!(f, "{share} of all by {}", channel.space),
        Share::Count(count) => write!(f, "{count} by {}", channel.space),
    }
}

fn stage(f: &mut fmt::Formatter<'_>, stage: &Stage) -> fmt::Result {
    write!(f, "best {} by {}", stage.take, stage.space)?;
    match stage.at_least {
        Some(least) => write!(f, " from {least}"),
        None => Ok(()),
    }
}

fn weights(f: &mut fmt::Formatter<'_>, spaces: &BTreeMap<String, f32>) -> fmt::Result {
    list(f, spaces, " + ", |f, (space, weight)| {
        write!(f, "{weight} × {space}")
    })
}

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    all: impl IntoIterator<Item = T>,
    between: &str,
    each: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (at, one) in all.into_iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        each(f, one)?;
    }
    Ok(())
}
