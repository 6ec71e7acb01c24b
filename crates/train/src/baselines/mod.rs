//! Baselines: recommendations without towers, evaluated on the holdout as the towers are.
//!
//! - `popularity`: the items with the most events, of all time, or of late: halved by age.
//! - `own counts`: the items that the user had most often, of late more; where repeats are to be found.
//! - `transitions`: items that followed the user's most recent ones in other histories.
//! - `ease`: a linear model of all pairs of items (Steck, Embarrassingly Shallow Autoencoders, WWW 2019), for small
//!   catalogues.
//!
//! Towers that rank held-out items no better than the best of these are not worth their publishing. Protocol: every
//! held-out item is ranked among all items that its user has not seen, or among all where repeats are to be found. Items of equal scores are ordered at random.
//!
//! `recommend` asks the same baselines for an evaluation.

mod ease;
mod fitted;
mod own_counts;
mod popularity;
mod recommend;
mod scorer;
mod ties;
mod transitions;

use super::evaluate::{ADVICE, Bootstrap, Measure, Metrics, PairedDifference, metrics, values};
use super::hold_out::HeldOut;
use super::sampler::Logs;
use fitted::scorers;
use popularity::Popularity;
use rayon::prelude::*;
use scorer::Scorer;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use ties::Ties;

pub use recommend::recommend;
pub(crate) use transitions::{DECAY as TRANSITIONS_DECAY, RECENT as TRANSITIONS_RECENT};

/// The number of events of each item, of all time and of late.
pub(crate) fn popularity_counts(logs: &Logs) -> [Vec<f64>; 2] {
    [Popularity::of_all_time(logs), Popularity::recent(logs)].map(Popularity::into_counts)
}

/// For each item the items that follow it and their shares, and how often each item occurs.
pub(crate) fn transition_shares(logs: &Logs) -> (Vec<BTreeMap<u32, f32>>, Vec<f64>) {
    transitions::shares(logs)
}

/// The baseline of texts.
pub(crate) const BM25: &str = "BM25";
/// What to try where towers of texts are below it.
const ADVICE_FOR_TEXTS: &str = "Try --auto, words beside the trigrams (words 1), no hidden layers, or wider vectors \
                                (dimension)";

/// Maximum number of held-out events that baselines rank.
const MAX_RANKED: usize = 2000;

/// How baselines and the trained towers rank the holdout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Comparison {
    /// Number of held-out events that are compared.
    pub held_out: usize,
    /// The trained towers.
    pub model: Metrics,
    /// The baselines, the best first, by hit@10 and then by nDCG@10.
    pub baselines: Vec<Baseline>,
    /// hit@10 of the towers minus that of the best baseline, with an interval of 95 %.
    pub difference: PairedDifference,
}

/// A baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Baseline {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its metrics.
    pub metrics: Metrics,
}

impl Comparison {
    /// Compares the towers' ranks of held-out events, from 0, with those of baselines. `users` are those of the events.
    pub(crate) fn new(
        users: &[u32],
        model: &[Option<usize>],
        baselines: Vec<(&'static str, Vec<Option<usize>>)>,
    ) -> Self {
        let ranked = baselines.into_iter().map(|(name, ranks)| {
            let metrics = metrics(&ranks);
            let name = Cow::Borrowed(name);
            (Baseline { name, metrics }, ranks)
        });
        let mut ranked: Vec<(Baseline, Vec<Option<usize>>)> = ranked.collect();
        ranked.sort_by(|(a, _), (b, _)| {
            let [a, b] = [a, b].map(|baseline| order(&baseline.metrics));
            b.partial_cmp(&a).unwrap_or(std::cmp::Ordering::Equal)
        });
        let hits = |ranks| values(Measure::Hit(10), ranks).collect::<Vec<f64>>();
        let best = ranked.first().map(|(_, ranks)| hits(ranks));
        let difference =
            best.map(|best| Bootstrap::default().difference(users, &hits(model), &best));
        Self {
            held_out: model.len(),
            model: metrics(model),
            baselines: ranked.into_iter().map(|(baseline, _)| baseline).collect(),
            difference: difference.unwrap_or_default(),
        }
    }

    /// The best baseline, if the towers are below it.
    #[must_use]
    pub fn better_baseline(&self) -> Option<&Baseline> {
        let best = self.baselines.first()?;
        (order(&best.metrics) > order(&self.model)).then_some(best)
    }

    /// If the towers are below the best baseline: a sentence that says so, and what to try.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let better = &*self.better_baseline()?.name;
        let found = self.difference.difference;
        let interval = match (found.low, found.high) {
            (Some(low), Some(high)) => format!(", interval {low:+.4} to {high:+.4}"),
            _ => String::new(),
        };
        let advice = match better {
            BM25 => ADVICE_FOR_TEXTS,
            _ => ADVICE,
        };
        Some(format!(
            "these towers rank held-out items worse than {better}: hit@10 {:+.4}{interval}. {advice}",
            found.value
        ))
    }
}

/// What metrics are compared by.
fn order(metrics: &Metrics) -> (f64, f64) {
    (metrics.hit_10, metrics.ndcg_10)
}

/// The rank of each held-out item by each baseline.
#[cfg(test)]
pub(crate) fn rank_by_baselines(
    logs: &Logs,
    held_out: &[HeldOut],
) -> Vec<(&'static str, Vec<Option<usize>>)> {
    let each = scorers(logs).into_iter();
    each.map(|(name, scorer)| (name, rank(logs, held_out, &*scorer)))
        .collect()
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
    let users: Vec<u32> = compared.iter().map(|out| out.user).collect();
    let ranked = scorers(logs).into_iter();
    let ranked = ranked.map(|(name, scorer)| (name, rank(logs, &compared, &*scorer)));
    Some(Comparison::new(&users, &model, ranked.collect()))
}

/// The rank, from 0, of each held-out item.
fn rank(logs: &Logs, held_out: &[HeldOut], scorer: &dyn Scorer) -> Vec<Option<usize>> {
    let ties = Ties::new(logs.items.len(), 0);
    let each = held_out.par_iter().with_min_len(16);
    let ranks = each.map_init(Vec::new, |scores, out| {
        scores.clear();
        scores.resize(logs.items.len(), 0.0);
        scorer.score(logs, out.user, scores);
        let hidden: HashSet<u32> = logs.hidden_from(out.user);
        let own = scores[out.item as usize];
        let better = scores.iter().zip(0u32..).filter(|(score, item)| {
            let before = **score > own || (**score == own && ties.before(*item, out.item));
            before && !hidden.contains(item)
        });
        (!hidden.contains(&out.item)).then(|| better.count())
    });
    ranks.collect()
}

#[cfg(test)]
mod tests;
