//! The weights of the baselines, chosen on a holdout.
//!
//! Each baseline is tried alone, what is learnt too, and what is learnt with the one or two best baselines. From there the weights
//! change one at a time, as long as that helps. Many changes are tried, so the best one is a little lucky: it has to be
//! better by a share of its standard error.

use super::components::{Blend, Component};
use super::embed::embed;
use super::parts::Parts;
use crate::evaluate::ndcg_of_ranking;
use crate::hold_out::HeldOut;
use crate::sampler::Logs;
use ndarray::{Array1, ArrayView1};
use rayon::prelude::*;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use twinspire_towers::Towers;

/// Largest number of users times items that are compared; of more users every n-th is.
const MAX_CELLS: usize = 1 << 22;
/// Items of each component that are compared for a user in a large catalogue: those with its largest scores.
const MAX_ITEMS: usize = 1000;
/// Catalogues up to this size are compared whole.
const SMALL: usize = 4 * MAX_ITEMS;
/// Number of components: what is learnt, and the baselines.
const COMPONENTS: usize = 1 + Component::ALL.len();
/// Weight, in standard deviations, of what is learnt beside a single baseline: it orders equal scores.
const LEAST: f32 = 0.01;
/// Weights in standard deviations that a component may begin with.
const FIRST: [f32; 5] = [0.1, 0.25, 0.5, 1.0, 2.0];
/// Factors by which a weight changes.
const FACTORS: [f32; 5] = [0.0, 0.5, 0.75, 1.33, 2.0];
/// Standard errors by which a single model has to be better than several together.
const ALONE: f64 = 2.0;
/// Standard errors by which a change of a weight has to be better.
const CONFIDENCE: f64 = 1.0;
/// Largest number of changes.
const MAX_STEPS: usize = 40;

/// Baselines beside what is learnt, with weights chosen on a holdout.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BlendChoice {
    /// The weights.
    pub weights: Blend,
    /// nDCG of the whole ranking on the holdout.
    pub metric: f64,
    /// The same of what is learnt alone.
    pub learnt: f64,
    /// The same of each baseline alone, as vectors of these factors.
    pub baselines: BTreeMap<&'static str, f64>,
}

impl fmt::Display for BlendChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each = Component::ALL.map(|component| (component, self.weights.of(component)));
        let used = each.iter().filter(|(_, weight)| *weight > 0.0);
        let used: Vec<String> = used
            .map(|(component, weight)| format!("{} {weight:.3}", component.name()))
            .collect();
        let alone = format!("{:.4} by what is learnt alone", self.learnt);
        match used.is_empty() {
            true => write!(f, "No baseline beside it helps ({alone})"),
            false => write!(
                f,
                "Baselines beside it, by weight: {}; {:.4} with them, {alone}",
                used.join(", "),
                self.metric
            ),
        }
    }
}

/// One held-out event: the scores of the compared items by each component, those of the item to be found first.
struct Case {
    scores: [Vec<f32>; COMPONENTS],
}

impl Case {
    /// The rank of the first item, from 0. Of equal scores half come before it.
    fn rank(&self, weights: &[f32; COMPONENTS], sums: &mut Vec<f32>) -> usize {
        sums.clear();
        sums.resize(self.scores[0].len(), 0.0);
        for (scores, weight) in self.scores.iter().zip(weights) {
            if *weight != 0.0 {
                let each = sums.iter_mut().zip(scores);
                each.for_each(|(sum, score)| *sum += weight * score);
            }
        }
        let Some((own, others)) = sums.split_first() else {
            return 0;
        };
        let better = others.iter().filter(|other| *other > own).count();
        let equal = others.iter().filter(|other| *other == own).count();
        better + equal.div_ceil(2)
    }
}

/// Chooses the weights beside what these towers learnt, from logs without their holdout. `longest` is the history that
/// the towers read.
pub(crate) fn choose(
    towers: &Towers,
    logs: &Logs,
    parts: &Parts,
    held_out: &[HeldOut],
    longest: usize,
) -> BlendChoice {
    let kept = match parts.items() {
        items if items <= SMALL => items,
        _ => COMPONENTS * MAX_ITEMS,
    };
    let step = (held_out.len() * kept).div_ceil(MAX_CELLS).max(1);
    let asked: Vec<HeldOut> = held_out.iter().step_by(step).copied().collect();
    let users: Vec<u32> = asked.iter().map(|out| out.user).collect();
    let [users, items] = embed(towers, logs, &users, longest);
    let each = asked.par_iter().zip(0usize..asked.len()).map(|(out, at)| {
        let learnt = items.dot(&users.row(at));
        case(logs, parts, *out, learnt)
    });
    let mut cases: Vec<Case> = each.collect();
    let deviations = standardise(&mut cases);
    let values = |weights: &[f32; COMPONENTS]| -> Vec<f64> {
        let each = cases.par_iter().with_min_len(8);
        let ranks = each.map_init(Vec::new, |sums, case| Some(case.rank(weights, sums)));
        ndcg_of_ranking(&ranks.collect::<Vec<_>>())
    };
    let alone = |component: usize| {
        let mut weights = [0.0; COMPONENTS];
        weights[0] = LEAST;
        weights[component] = 1.0;
        let values = values(&weights);
        (mean(&values), weights, values)
    };
    let all: Vec<_> = (0..COMPONENTS).map(alone).collect();
    let mut metrics = all.iter().map(|(metric, ..)| *metric);
    let learnt = metrics.next().unwrap_or(0.0);
    let mut singles = [0.0; 4];
    singles
        .iter_mut()
        .zip(metrics)
        .for_each(|(single, metric)| *single = metric);
    let mut best = all
        .into_iter()
        .reduce(|best, other| if other.0 > best.0 { other } else { best })
        .unwrap_or((0.0, [0.0; COMPONENTS], Vec::new()));
    // Models of several kinds together are rarely worse than one, and their lead depends less on luck: what is learnt is
    // the best of many that were tried on this holdout.
    for count in [1, 2] {
        let weights = equal(&singles, count);
        let values = values(&weights);
        if !is_better(&best.2, &values, ALONE) {
            best = (mean(&values), weights, values);
        }
    }
    for _ in 0..MAX_STEPS {
        let changed = changes(&best.1).into_iter().filter_map(|weights| {
            let values = values(&weights);
            is_better(&values, &best.2, CONFIDENCE).then(|| (mean(&values), weights, values))
        });
        let changed = changed.reduce(|best, other| if other.0 > best.0 { other } else { best });
        let Some(changed) = changed else { break };
        best = changed;
    }
    let (metric, weights, _) = best;
    let of_learnt = weights[0] / deviations[0];
    let mut relative = [0.0; 4];
    for (at, relative) in relative.iter_mut().enumerate() {
        *relative = weights[at + 1] / deviations[at + 1] / of_learnt;
    }
    BlendChoice {
        weights: Blend::from_weights(relative),
        metric,
        learnt,
        baselines: Component::ALL
            .into_iter()
            .map(Component::name)
            .zip(singles)
            .collect(),
    }
}

/// What is learnt and the best baselines, alike.
fn equal(singles: &[f64; 4], count: usize) -> [f32; COMPONENTS] {
    let mut order: Vec<usize> = (0..singles.len()).collect();
    order.sort_by(|a, b| singles[*b].total_cmp(&singles[*a]));
    let mut weights = [0.0; COMPONENTS];
    weights[0] = 1.0;
    order
        .into_iter()
        .take(count)
        .for_each(|at| weights[at + 1] = 1.0);
    weights
}

/// The scores of one held-out event.
fn case(logs: &Logs, parts: &Parts, out: HeldOut, learnt: Array1<f32>) -> Case {
    let of_baselines = Component::ALL.map(|component| parts.scores(component, logs, out.user));
    let mut all = vec![learnt];
    all.extend(of_baselines);
    let seen: HashSet<u32> = logs.seen_by(out.user);
    let is_other = |item: &u32| *item != out.item && !seen.contains(item);
    let mut others: Vec<u32> = (0..parts.items() as u32).filter(is_other).collect();
    if parts.items() > SMALL {
        let mut compared: Vec<u32> = Vec::new();
        for scores in &all {
            let order = |a: &u32, b: &u32| {
                scores[*b as usize]
                    .total_cmp(&scores[*a as usize])
                    .then(a.cmp(b))
            };
            let most = MAX_ITEMS.min(others.len().saturating_sub(1));
            others.select_nth_unstable_by(most, order);
            compared.extend(others.iter().take(most));
        }
        compared.sort_unstable();
        compared.dedup();
        others = compared;
    }
    let mut all = all.into_iter().map(|scores: Array1<f32>| {
        let items = std::iter::once(out.item).chain(others.iter().copied());
        items.map(|item| scores[item as usize]).collect()
    });
    Case {
        scores: std::array::from_fn(|_| all.next().unwrap_or_default()),
    }
}

/// Divides the scores of each component by their standard deviation over the items of a user, on average over users.
/// Returns the deviations.
fn standardise(cases: &mut [Case]) -> [f32; COMPONENTS] {
    std::array::from_fn(|component| {
        let each = cases.iter().map(|case| {
            let scores = ArrayView1::from(&case.scores[component]);
            f64::from(scores.std(0.0))
        });
        let sum: f64 = each.sum();
        let deviation = (sum / cases.len().max(1) as f64).max(1e-9) as f32;
        for case in &mut *cases {
            let scores = &mut case.scores[component];
            scores.iter_mut().for_each(|score| *score /= deviation);
        }
        deviation
    })
}

/// Weights with one of them changed. What is learnt keeps some.
fn changes(weights: &[f32; COMPONENTS]) -> Vec<[f32; COMPONENTS]> {
    let mut all = Vec::new();
    for component in 0..COMPONENTS {
        let now = weights[component];
        let absent = now <= if component == 0 { LEAST } else { 0.0 };
        let values = match absent {
            true => FIRST,
            false => FACTORS.map(|factor| now * factor),
        };
        for value in values {
            let mut changed = *weights;
            changed[component] = if component == 0 {
                value.max(LEAST)
            } else {
                value
            };
            all.push(changed);
        }
    }
    all
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Whether some values are better than others of the same events by this many standard errors.
fn is_better(values: &[f64], others: &[f64], confidence: f64) -> bool {
    let differences: Vec<f64> = values.iter().zip(others).map(|(a, b)| a - b).collect();
    let mean = mean(&differences);
    let squares: f64 = differences.iter().map(|x| (x - mean).powi(2)).sum();
    let count = differences.len().max(2) as f64;
    mean > confidence * (squares / (count - 1.0) / count).sqrt()
}
