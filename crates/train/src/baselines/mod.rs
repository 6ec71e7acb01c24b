//! Baselines: recommendations without towers, evaluated on the holdout as the towers are.
//!
//! - `popularity`: the items with the most events, of all time or of the latest tenth.
//! - `transitions`: items that followed the user's most recent ones in other histories.
//! - `ease`: a linear model of all pairs of items (Steck, Embarrassingly Shallow Autoencoders, WWW 2019), for small
//!   catalogues.
//!
//! Towers that rank held-out items no better than the best of these are not worth their publishing. Protocol: every
//! held-out item is ranked among all items that its user has not seen; ties rank before it.

mod ease;
mod popularity;
mod scorer;
mod transitions;

use super::evaluate::{Metrics, metrics};
use super::hold_out::HeldOut;
use super::sampler::Logs;
use ease::Ease;
use popularity::Popularity;
use rayon::prelude::*;
use scorer::Scorer;
use serde::Serialize;
use std::collections::HashSet;
use transitions::Transitions;

/// Maximum number of held-out events that baselines rank.
const MAX_RANKED: usize = 2000;

/// How baselines and the trained towers rank the holdout.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// Number of held-out events that are compared.
    pub held_out: usize,
    /// The trained towers.
    pub model: Metrics,
    /// The baselines, the best first, by hit@10 and then by nDCG@10.
    pub baselines: Vec<Baseline>,
}

/// A baseline.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Baseline {
    /// Its name.
    pub name: &'static str,
    /// Its metrics.
    pub metrics: Metrics,
}

impl Comparison {
    /// The best baseline, if the towers are below it.
    #[must_use]
    pub fn better_baseline(&self) -> Option<&Baseline> {
        let best = self.baselines.first()?;
        (order(&best.metrics) > order(&self.model)).then_some(best)
    }
}

/// What metrics are compared by.
fn order(metrics: &Metrics) -> (f64, f64) {
    (metrics.hit_10, metrics.ndcg_10)
}

/// Compares the towers' ranks of held-out events with those of the baselines; `None` without a holdout. The logs are
/// those that were learnt from.
pub(crate) fn compare(
    logs: &Logs,
    held_out: &[HeldOut],
    ranks: &[Option<usize>],
) -> Option<Comparison> {
    if held_out.is_empty() || ranks.len() != held_out.len() {
        return None;
    }
    let step = held_out.len().div_ceil(MAX_RANKED).max(1);
    let compared: Vec<HeldOut> = held_out.iter().step_by(step).copied().collect();
    let model: Vec<Option<usize>> = ranks.iter().step_by(step).copied().collect();
    let mut scorers: Vec<(&'static str, Box<dyn Scorer>)> = vec![
        ("popularity", Box::new(Popularity::new(logs, 1.0))),
        ("recent popularity", Box::new(Popularity::new(logs, 0.1))),
        ("transitions", Box::new(Transitions::new(logs))),
    ];
    if let Some(ease) = Ease::new(logs) {
        scorers.push(("EASE", Box::new(ease)));
    }
    let mut baselines: Vec<Baseline> = scorers
        .into_iter()
        .map(|(name, scorer)| Baseline {
            name,
            metrics: metrics(&rank(logs, &compared, &*scorer)),
        })
        .collect();
    baselines.sort_by(|a, b| {
        let [a, b] = [a, b].map(|baseline| order(&baseline.metrics));
        b.partial_cmp(&a).unwrap_or(std::cmp::Ordering::Equal)
    });
    Some(Comparison {
        held_out: compared.len(),
        model: metrics(&model),
        baselines,
    })
}

/// The rank, from 0, of each held-out item.
fn rank(logs: &Logs, held_out: &[HeldOut], scorer: &dyn Scorer) -> Vec<Option<usize>> {
    let each = held_out.par_iter().with_min_len(16);
    let ranks = each.map_init(Vec::new, |scores, out| {
        scores.clear();
        scores.resize(logs.items.len(), 0.0);
        scorer.score(logs, out.user, scores);
        let seen: HashSet<u32> = logs.seen_by(out.user);
        let own = scores[out.item as usize];
        let better = scores
            .iter()
            .zip(0u32..)
            .filter(|(score, item)| **score >= own && *item != out.item && !seen.contains(item));
        (!seen.contains(&out.item)).then(|| better.count())
    });
    ranks.collect()
}

#[cfg(test)]
mod tests;
